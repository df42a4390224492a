// Command control-plane is a real Kubernetes API server with etcd in one
// process, for Certferry's demo and tests. It runs the garbage-collector,
// namespace and clusterrole-aggregation controllers too, because finalizers,
// namespaces that go away and aggregated roles behave wrongly without them.
//
// Everything listens on loopback. SIGTERM and SIGINT stop it; SIGUSR1 compacts
// etcd up to now, so that tests can make a watch fall out of history (410 Gone).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.dataDir, "data-dir", "", "folder for etcd's data, keys and certificates (made if missing; kept at exit)")
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "where to write an administrator's kubeconfig once the server is ready (default DATA-DIR/kubeconfig)")
	flag.IntVar(&o.port, "port", 0, "port of the API server on 127.0.0.1 (0: a free one; the same data-dir gets the same port again)")
	flag.DurationVar(&o.startTimeout, "start-timeout", 2*time.Minute, "give up when the server is not ready by then")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: control-plane --data-dir DIR [flags] [-- extra kube-apiserver flags]\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	o.extraArgs = flag.Args()
	if o.dataDir == "" {
		fmt.Fprintln(os.Stderr, "control-plane: --data-dir is required")
		os.Exit(2)
	}
	if o.kubeconfig == "" {
		o.kubeconfig = filepath.Join(o.dataDir, "kubeconfig")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "control-plane: %v\n", err)
		os.Exit(1)
	}
}
