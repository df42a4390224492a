import { Construct } from "constructs";
import { SELECTOR } from "../source/labels.ts";
import type { Condition, Source } from "../source/source.ts";
import { CONFINED } from "./confinement.ts";
import { HEALTH_PORT, METRICS_PORT, OPERATOR, USER } from "./names.ts";

const DATA = "/data";
const MANIFESTS = "/manifests";
const ARCHIVE = "/archive";
/** Where manifests are kept for good in a volume; a bucket needs none. */
const ARCHIVE_VOLUME: Condition = { all: [{ set: "archive.volume" }, { not: { set: "archive.bucket" } }] };
/** Calls under way are heard out for ten seconds, reconciles for fifteen; ledgers and the lease come after that. */
const GRACE_SECONDS = 45;

/** The operator's pods, and how many of them must be left. */
export class Workload extends Construct {
  readonly #source: Source;

  constructor(scope: Construct, id: string, source: Source) {
    super(scope, id);
    this.#source = source;
    source.place(this, "deployment", {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: OPERATOR, namespace: source.namespace, labels: SELECTOR },
      spec: {
        replicas: source.number("replicas"),
        revisionHistoryLimit: 3,
        selector: { matchLabels: SELECTOR },
        template: {
          metadata: {
            labels: { ...SELECTOR, ...source.entries("podLabels") },
            annotations: {
              "kubectl.kubernetes.io/default-container": "operator",
              ...source.entries("podAnnotations"),
            },
          },
          spec: this.#pod(),
        },
      },
    });
    source.place(
      this,
      "disruption-budget",
      {
        apiVersion: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: { name: OPERATOR, namespace: source.namespace },
        spec: {
          maxUnavailable: 1,
          selector: { matchLabels: SELECTOR },
          unhealthyPodEvictionPolicy: "AlwaysAllow",
        },
      },
      { all: [{ set: "podDisruptionBudget.enabled" }, { moreThanOne: "replicas" }] },
    );
  }

  #pod(): object {
    const source = this.#source;
    return {
      serviceAccountName: OPERATOR,
      automountServiceAccountToken: true,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: GRACE_SECONDS,
      imagePullSecrets: source.block("image.pullSecrets"),
      priorityClassName: source.when({ set: "priorityClassName" }, source.text("priorityClassName")),
      nodeSelector: source.block("nodeSelector"),
      tolerations: source.block("tolerations"),
      affinity: source.block("affinity"),
      topologySpreadConstraints: ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map(
        (topologyKey) => ({
          maxSkew: 1,
          topologyKey,
          whenUnsatisfiable: "ScheduleAnyway",
          labelSelector: { matchLabels: SELECTOR },
          matchLabelKeys: ["pod-template-hash"],
        }),
      ),
      securityContext: {
        runAsNonRoot: true,
        runAsUser: USER,
        runAsGroup: USER,
        fsGroup: USER,
        fsGroupChangePolicy: "OnRootMismatch",
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [this.#container()],
      volumes: [
        {
          name: "data",
          emptyDir: source.when({ not: { set: "dataDir.volume" } }, { sizeLimit: "10Gi" }),
          ...source.entries("dataDir.volume"),
        },
        ...this.#manifests({ name: "manifests", ...source.entries("manifests.volume") }),
        ...source.entry(ARCHIVE_VOLUME, { name: "archive", ...source.entries("archive.volume") }),
      ],
    };
  }

  /** What is there only where there is a folder of manifests. */
  #manifests<T>(value: T): T[] {
    return this.#source.entry({ set: "manifests.volume" }, value);
  }

  #container(): object {
    const source = this.#source;
    return {
      name: "operator",
      image: source.image(),
      imagePullPolicy: source.text("image.pullPolicy"),
      args: this.#args(),
      env: [
        { name: "POD_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
        ...source.rest("extraEnv"),
      ],
      ports: [
        { name: "health", containerPort: HEALTH_PORT },
        { name: "metrics", containerPort: METRICS_PORT },
      ],
      // In sync within a minute or two even with thousands of reels; until then, readiness says so.
      startupProbe: probe("/livez", { periodSeconds: 2, failureThreshold: 60 }),
      livenessProbe: probe("/livez", { periodSeconds: 10, failureThreshold: 3 }),
      readinessProbe: probe("/readyz", { periodSeconds: 5, failureThreshold: 2 }),
      resources: source.block("resources"),
      ...CONFINED,
      volumeMounts: [
        { name: "data", mountPath: DATA },
        ...this.#manifests({ name: "manifests", mountPath: MANIFESTS, readOnly: true }),
        ...source.entry(ARCHIVE_VOLUME, { name: "archive", mountPath: ARCHIVE }),
      ],
    };
  }

  #args(): unknown[] {
    const source = this.#source;
    return [
      `--health-address=0.0.0.0:${HEALTH_PORT}`,
      `--metrics-address=0.0.0.0:${METRICS_PORT}`,
      `--data-dir=${DATA}`,
      source.format("--log-level=%s", "logLevel"),
      source.format("--max-manifest-mib=%s", "maxManifestMib"),
      source.format("--request-timeout=%s", "requestTimeoutSeconds"),
      source.format("--cloud-deadline=%s", "cloudDeadlineSeconds"),
      source.format("--check-every=%s", "checkEvery"),
      ...source.each("watchNamespaces", "--watch-namespace=%s"),
      ...source.each("clusterCidrs", "--cluster-cidr=%s"),
      ...source.each("egressAllowCidrs", "--egress-allow-cidr=%s"),
      ...this.#manifests(`--manifest-root=${MANIFESTS}`),
      ...source.entry(ARCHIVE_VOLUME, `--manifest-archive=${ARCHIVE}`),
      ...source.entry({ set: "archive.bucket" }, source.format("--manifest-archive=%s", "archive.bucket")),
      ...source.each("extraArgs", "%s"),
    ];
  }
}

function probe(path: string, timing: { periodSeconds: number; failureThreshold: number }): object {
  return { httpGet: { path, port: "health" }, timeoutSeconds: 3, ...timing };
}
