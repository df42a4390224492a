import { Construct } from "constructs";
import { SELECTOR } from "../source/labels.ts";
import type { Source } from "../source/source.ts";
import { egressRules, TCP } from "./confinement.ts";
import { HEALTH_PORT, METRICS_PORT, OPERATOR } from "./names.ts";

/** What reaches the operator, and what it reaches: NetworkPolicy, and how metrics are found. */
export class Network extends Construct {
  constructor(scope: Construct, id: string, source: Source) {
    super(scope, id);
    const { namespace } = source;
    source.place(
      this,
      "policy",
      {
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: { name: OPERATOR, namespace },
        spec: {
          podSelector: { matchLabels: SELECTOR },
          policyTypes: ["Ingress", "Egress"],
          ingress: [
            // Kubelets ask from the nodes, whose addresses no selector knows.
            { ports: [{ port: HEALTH_PORT, ...TCP }] },
            {
              ports: [{ port: METRICS_PORT, ...TCP }],
              from: [
                ...source.entry({ not: { set: "networkPolicy.metricsFrom" } }, { namespaceSelector: {} }),
                ...source.rest("networkPolicy.metricsFrom"),
              ],
            },
          ],
          egress: egressRules(source),
        },
      },
      { set: "networkPolicy.enabled" },
    );
    source.place(this, "metrics", {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: `${OPERATOR}-metrics`, namespace, labels: SELECTOR },
      spec: {
        selector: SELECTOR,
        ports: [{ name: "metrics", port: METRICS_PORT, targetPort: "metrics", ...TCP }],
      },
    });
    source.place(
      this,
      "monitor",
      {
        apiVersion: "monitoring.coreos.com/v1",
        kind: "ServiceMonitor",
        metadata: { name: OPERATOR, namespace, labels: source.entries("serviceMonitor.labels") },
        spec: {
          selector: { matchLabels: SELECTOR },
          endpoints: [{ port: "metrics", interval: source.text("serviceMonitor.interval") }],
        },
      },
      { set: "serviceMonitor.enabled" },
    );
  }
}
