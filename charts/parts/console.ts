import { Construct } from "constructs";
import { CONSOLE_SELECTOR } from "../source/labels.ts";
import type { Condition, Source } from "../source/source.ts";
import { CONFINED, egressRules, TCP } from "./confinement.ts";
import { CONSOLE, CONSOLE_PORT, USER } from "./names.ts";

const ENABLED: Condition = { set: "console.enabled" };
const OIDC: Condition = { set: "console.oidc.issuer" };
const SECRET: Condition = { set: "console.oidc.clientSecretName" };
const SECRETS = "/secrets";

/** The web console's pod, its Service, and what reaches it. */
export class Console extends Construct {
  readonly #source: Source;

  constructor(scope: Construct, id: string, source: Source) {
    super(scope, id);
    this.#source = source;
    const { namespace } = source;
    source.place(
      this,
      "deployment",
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: CONSOLE, namespace, labels: CONSOLE_SELECTOR },
        spec: {
          // Sessions are in its memory: of two, each would know the other's people as strangers.
          replicas: 1,
          strategy: { type: "Recreate" },
          revisionHistoryLimit: 3,
          selector: { matchLabels: CONSOLE_SELECTOR },
          template: { metadata: { labels: CONSOLE_SELECTOR }, spec: this.#pod() },
        },
      },
      ENABLED,
    );
    source.place(
      this,
      "service",
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: CONSOLE, namespace, labels: CONSOLE_SELECTOR },
        spec: { selector: CONSOLE_SELECTOR, ports: [{ name: "http", port: 80, targetPort: "http", ...TCP }] },
      },
      ENABLED,
    );
    source.place(
      this,
      "policy",
      {
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: { name: CONSOLE, namespace },
        spec: {
          podSelector: { matchLabels: CONSOLE_SELECTOR },
          policyTypes: ["Ingress", "Egress"],
          ingress: [{ ports: [{ port: CONSOLE_PORT, ...TCP }] }],
          egress: egressRules(source),
        },
      },
      { all: [ENABLED, { set: "networkPolicy.enabled" }] },
    );
  }

  #pod(): object {
    const source = this.#source;
    return {
      serviceAccountName: CONSOLE,
      automountServiceAccountToken: true,
      enableServiceLinks: false,
      imagePullSecrets: source.block("image.pullSecrets"),
      nodeSelector: source.block("nodeSelector"),
      tolerations: source.block("tolerations"),
      securityContext: {
        runAsNonRoot: true,
        runAsUser: USER,
        runAsGroup: USER,
        fsGroup: USER,
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [this.#container()],
      volumes: [
        // Manifests that are downloaded are made here first.
        { name: "scratch", emptyDir: { sizeLimit: "10Gi" } },
        ...source.entry(SECRET, {
          name: "client-secret",
          secret: { secretName: source.text("console.oidc.clientSecretName") },
        }),
      ],
    };
  }

  #container(): object {
    const source = this.#source;
    const probe = { httpGet: { path: "/healthz", port: "http" }, timeoutSeconds: 5 };
    return {
      name: "console",
      image: source.image("console.image"),
      imagePullPolicy: source.text("image.pullPolicy"),
      args: this.#args(),
      env: [{ name: "POD_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } }],
      ports: [{ name: "http", containerPort: CONSOLE_PORT }],
      startupProbe: { ...probe, periodSeconds: 2, failureThreshold: 30 },
      livenessProbe: { ...probe, periodSeconds: 10, failureThreshold: 3 },
      readinessProbe: { ...probe, periodSeconds: 5, failureThreshold: 2 },
      resources: source.block("console.resources"),
      ...CONFINED,
      volumeMounts: [
        { name: "scratch", mountPath: "/tmp" },
        ...source.entry(SECRET, { name: "client-secret", mountPath: SECRETS, readOnly: true }),
      ],
    };
  }

  #args(): unknown[] {
    const source = this.#source;
    return [
      `--address=0.0.0.0:${CONSOLE_PORT}`,
      source.format("--public-url=%s", "console.publicUrl"),
      "--behind-proxy",
      source.format("--log-level=%s", "logLevel"),
      ...source.each("console.accounts", "--account=%s"),
      ...source.each("clusterCidrs", "--cluster-cidr=%s"),
      ...source.each("egressAllowCidrs", "--egress-allow-cidr=%s"),
      ...source.entry({ not: { set: "console.tokenSignIn" } }, "--no-token-sign-in"),
      ...this.#oidc(),
    ];
  }

  #oidc(): unknown[] {
    const source = this.#source;
    const flags = [
      source.format("--oidc-issuer=%s", "console.oidc.issuer"),
      source.format("--oidc-client-id=%s", "console.oidc.clientId"),
      source.format("--oidc-label=%s", "console.oidc.label"),
      source.format("--oidc-username-claim=%s", "console.oidc.usernameClaim"),
      source.format("--oidc-groups-claim=%s", "console.oidc.groupsClaim"),
      source.format("--oidc-username-prefix=%s", "console.oidc.usernamePrefix"),
      source.format("--oidc-groups-prefix=%s", "console.oidc.groupsPrefix"),
    ];
    return [
      ...flags.flatMap((flag) => source.entry(OIDC, flag)),
      ...source.each("console.oidc.groups", "--oidc-group=%s"),
      ...source.entry(SECRET, `--oidc-client-secret-file=${SECRETS}/client-secret`),
    ];
  }
}
