// gitops-health tells how GitOps tools judge objects, by these tools' own code: kstatus as Flux (and kubectl plugins)
// compute it, and a health check in Lua as Argo CD runs it.
//
//	gitops-health kstatus        < objects.json
//	gitops-health argocd SCRIPT  < objects.json
//
// Objects come as an array in JSON; a verdict for each goes out: {"status", "message"}.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	judge, err := judgeOf(args)
	if err != nil {
		return err
	}
	var objects []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&objects); err != nil {
		return fmt.Errorf("objects: %w", err)
	}
	verdicts := []verdict{}
	for _, raw := range objects {
		// Unstructured, as both tools hold objects: whole numbers are int64.
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(raw); err != nil {
			return fmt.Errorf("object: %w", err)
		}
		verdict, err := judge(object)
		if err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		verdicts = append(verdicts, verdict)
	}
	return json.NewEncoder(os.Stdout).Encode(verdicts)
}

func judgeOf(args []string) (func(*unstructured.Unstructured) (verdict, error), error) {
	switch {
	case len(args) == 1 && args[0] == "kstatus":
		return byKstatus, nil
	case len(args) == 2 && args[0] == "argocd":
		script, err := os.ReadFile(args[1])
		if err != nil {
			return nil, err
		}
		return byArgoCD(string(script)), nil
	}
	return nil, errors.New("usage: gitops-health kstatus | gitops-health argocd SCRIPT")
}

func byKstatus(object *unstructured.Unstructured) (verdict, error) {
	result, err := status.Compute(object)
	if err != nil {
		return verdict{}, err
	}
	return verdict{Status: result.Status.String(), Message: result.Message}, nil
}
