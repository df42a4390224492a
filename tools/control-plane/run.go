package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

type options struct {
	dataDir      string
	kubeconfig   string
	port         int
	startTimeout time.Duration
	extraArgs    []string
}

// run starts etcd, the API server and the controllers, writes the kubeconfig
// when all are ready, prints one line, and returns when ctx ends or a part fails.
func run(ctx context.Context, o options) error {
	if err := os.MkdirAll(o.dataDir, 0o700); err != nil {
		return err
	}
	port, err := choosePort(o)
	if err != nil {
		return err
	}
	creds, err := ensureCredentials(o.dataDir)
	if err != nil {
		return fmt.Errorf("credentials in %s: %w", o.dataDir, err)
	}
	etcd, endpoint, err := startEtcd(ctx, filepath.Join(o.dataDir, "etcd"))
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	defer etcd.Close()
	compactOnSignal(ctx, endpoint)

	// The API server's own signal handler may be set up once in a process only;
	// NewAPIServerCommand does that, and its context is replaced by ours.
	cmd := app.NewAPIServerCommand()
	cmd.SetContext(ctx)
	cmd.SetArgs(append(apiServerArgs(o.dataDir, endpoint, port, creds), o.extraArgs...))
	cmd.SilenceErrors = true
	failed := make(chan error, 1)
	go func() { failed <- cmd.ExecuteContext(ctx) }()

	config := &rest.Config{
		Host:            net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		BearerToken:     creds.adminToken,
		TLSClientConfig: rest.TLSClientConfig{CAFile: filepath.Join(o.dataDir, "pki", "apiserver.crt")},
		QPS:             200,
		Burst:           400,
	}
	if err := waitReady(ctx, config, o.startTimeout, failed); err != nil {
		return err
	}
	if err := startControllers(ctx, config); err != nil {
		return fmt.Errorf("controllers: %w", err)
	}
	if err := writeKubeconfig(o.kubeconfig, config); err != nil {
		return err
	}
	fmt.Printf("control-plane ready: https://%s\n", config.Host)

	select {
	case err := <-failed:
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("kube-apiserver ended: %w", err)
	case <-etcd.Server.StopNotify():
		return fmt.Errorf("etcd stopped by itself")
	case <-ctx.Done():
		// Watches are long requests; a bounded wait keeps the stop quick.
		select {
		case <-failed:
		case <-time.After(5 * time.Second):
		}
		return nil
	}
}

func apiServerArgs(dataDir, etcdEndpoint string, port int, creds credentials) []string {
	return []string{
		"--etcd-servers=" + etcdEndpoint,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port),
		"--cert-dir=" + filepath.Join(dataDir, "pki"),
		"--token-auth-file=" + creds.tokenFile,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + creds.serviceAccountKey,
		"--service-account-signing-key-file=" + creds.serviceAccountKey,
		"--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=RBAC",
		"--endpoint-reconciler-type=none",
		"--shutdown-delay-duration=0s",
		"--shutdown-watch-termination-grace-period=1s",
		"--v=0",
	}
}

func waitReady(ctx context.Context, config *rest.Config, timeout time.Duration, failed <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	last := "no answer yet"
	for {
		select {
		case err := <-failed:
			return fmt.Errorf("kube-apiserver ended before it was ready: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("not ready within %s: %s", timeout, last)
		case <-time.After(100 * time.Millisecond):
		}
		// The serving certificate is written by the server while it starts.
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			last = err.Error()
			continue
		}
		body, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		if err == nil && strings.TrimSpace(string(body)) == "ok" {
			return nil
		}
		if err != nil {
			last = err.Error()
		}
	}
}

// compactOnSignal compacts etcd's history up to now at each SIGUSR1.
func compactOnSignal(ctx context.Context, endpoint string) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
				if revision, err := compact(ctx, endpoint); err != nil {
					fmt.Fprintf(os.Stderr, "control-plane: compaction failed: %v\n", err)
				} else {
					fmt.Printf("control-plane compacted: %d\n", revision)
				}
			}
		}
	}()
}

func compact(ctx context.Context, endpoint string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 5 * time.Second})
	if err != nil {
		return 0, err
	}
	defer client.Close()
	got, err := client.Get(ctx, "/")
	if err != nil {
		return 0, err
	}
	_, err = client.Compact(ctx, got.Header.Revision, clientv3.WithCompactPhysical())
	return got.Header.Revision, err
}

// choosePort keeps a data folder's port over restarts, so that clients find the
// server again where it was.
func choosePort(o options) (int, error) {
	if o.port != 0 {
		return o.port, nil
	}
	file := filepath.Join(o.dataDir, "port")
	if text, err := os.ReadFile(file); err == nil {
		return strconv.Atoi(strings.TrimSpace(string(text)))
	}
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	return port, os.WriteFile(file, []byte(strconv.Itoa(port)+"\n"), 0o600)
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
