package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

type credentials struct {
	adminToken        string
	tokenFile         string
	serviceAccountKey string
}

// ensureCredentials makes an administrator's token and the key that signs
// service account tokens, once per data folder, so that both survive a restart.
func ensureCredentials(dataDir string) (credentials, error) {
	creds := credentials{
		tokenFile:         filepath.Join(dataDir, "tokens.csv"),
		serviceAccountKey: filepath.Join(dataDir, "service-account.key"),
	}
	if text, err := os.ReadFile(creds.tokenFile); err == nil {
		creds.adminToken, _, _ = strings.Cut(string(text), ",")
		return creds, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return creds, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return creds, err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(creds.serviceAccountKey, block, 0o600); err != nil {
		return creds, err
	}
	token := make([]byte, 24)
	if _, err := rand.Read(token); err != nil {
		return creds, err
	}
	creds.adminToken = hex.EncodeToString(token)
	line := fmt.Sprintf("%s,admin,admin,\"system:masters\"\n", creds.adminToken)
	return creds, os.WriteFile(creds.tokenFile, []byte(line), 0o600)
}

// writeKubeconfig writes it whole or not at all: its presence says "ready".
func writeKubeconfig(path string, config *rest.Config) error {
	ca, err := os.ReadFile(config.CAFile)
	if err != nil {
		return err
	}
	out := api.NewConfig()
	out.Clusters["certferry"] = &api.Cluster{Server: "https://" + config.Host, CertificateAuthorityData: ca}
	out.AuthInfos["admin"] = &api.AuthInfo{Token: config.BearerToken}
	out.Contexts["certferry"] = &api.Context{Cluster: "certferry", AuthInfo: "admin"}
	out.CurrentContext = "certferry"
	temporary := path + ".new"
	if err := clientcmd.WriteToFile(*out, temporary); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
