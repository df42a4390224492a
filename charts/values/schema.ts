import { z } from "zod";
import { consoleValues } from "./console.ts";

const record = (description: string) => z.record(z.string(), z.string()).default({}).meta({ description });
const objects = (description: string) =>
  z.array(z.record(z.string(), z.unknown())).default([]).meta({ description });
const object = (description: string) => z.record(z.string(), z.unknown()).default({}).meta({ description });
const text = (description: string, value = "") => z.string().default(value).meta({ description });
const flag = (description: string, value: boolean) => z.boolean().default(value).meta({ description });
const count = (description: string, value: number, min: number, max?: number) =>
  (max === undefined ? z.int().min(min) : z.int().min(min).max(max)).default(value).meta({ description });

const namespace = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/u);
const cidr = z.string().regex(/^[0-9a-fA-F.:]+\/[0-9]{1,3}$/u);
const port = z.int().min(1).max(65_535);

const image = z
  .strictObject({
    repository: text("Where the operator's image is.", "ghcr.io/certferry/operator"),
    tag: text("Empty: the chart's appVersion."),
    digest: text("sha256:… takes precedence over the tag; what a release names."),
    pullPolicy: z.enum(["Always", "IfNotPresent", "Never"]).default("IfNotPresent"),
    pullSecrets: objects("Secrets of a private registry, each as {name: …}."),
  })
  .prefault({})
  .meta({ description: "The operator's image." });

const operator = {
  replicas: count("One works, the others wait for its lease.", 2, 0, 10),
  resources: z
    .record(z.string(), z.record(z.string(), z.union([z.string(), z.number()])))
    .default({
      requests: { cpu: "100m", memory: "512Mi" },
      limits: { memory: "1Gi" },
    })
    .meta({
      description:
        "What the operator is given. No limit of CPU: it would be throttled when it is needed most.",
    }),
  watchNamespaces: z.array(namespace).default([]).meta({
    description:
      "The accounts that are served; none: every namespace. With some, the operator has no rights in other namespaces, and in the whole cluster none but on Reels, the two records, and these namespaces by name.",
  }),
  logLevel: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal"])
    .default("info")
    .meta({ description: "How much is logged." }),
  maxManifestMib: count("The largest manifest that is read, unpacked, in MiB.", 4096, 1),
  requestTimeoutSeconds: count("How long a request to the API server may take.", 30, 1, 86_400),
  cloudDeadlineSeconds: count("How long a call to a product cloud may take.", 32, 1, 86_400),
  checkEvery: z
    .string()
    .regex(/^(0|[1-9][0-9]{0,6}[hms])$/u)
    .default("24h")
    .meta({
      description:
        "How often clouds that can tell are asked how the devices stand that they were given: 24h, 90m, at most 480h; 0 only after provisioning and on request.",
    }),
  extraArgs: z.array(z.string()).default([]).meta({ description: "Further flags of the operator." }),
  extraEnv: objects(
    "Further environment variables, as in a pod: a proxy (HTTPS_PROXY, NO_PROXY), for example.",
  ),
};

const network = {
  clusterCidrs: z.array(cidr).default([]).meta({
    description:
      "The cluster's own ranges of Services and pods. CloudApis and Reels that lead there are refused. Nothing tells the operator these ranges: give both.",
  }),
  egressAllowCidrs: z.array(cidr).default([]).meta({
    description:
      "Ranges that may be called although they are refused by default (loopback, link-local, the cluster's own).",
  }),
  networkPolicy: z
    .strictObject({
      enabled: flag("In: metrics and probes. Out: DNS, the API server, and https.", true),
      apiServerPorts: z
        .array(port)
        .min(1)
        .default([443, 6443])
        .meta({ description: "The ports that the API server listens on, as pods see them." }),
      cloudPorts: z
        .array(port)
        .min(1)
        .default([443])
        .meta({ description: "The ports of product clouds, manifest servers and proxies." }),
      metricsFrom: objects(
        "Who may read metrics, as `from` of a NetworkPolicy; none: every pod of the cluster.",
      ),
    })
    .prefault({})
    .meta({ description: "A NetworkPolicy for the operator's pods." }),
};

const monitoring = {
  serviceMonitor: z
    .strictObject({
      enabled: flag("Needs the Prometheus operator's kinds in the cluster.", false),
      interval: z
        .string()
        .regex(/^[0-9]+(ms|s|m)$/u)
        .default("30s"),
      labels: record("What the Prometheus selects ServiceMonitors by."),
    })
    .prefault({})
    .meta({ description: "A ServiceMonitor of the Prometheus operator." }),
};

const scheduling = {
  podDisruptionBudget: z
    .strictObject({ enabled: flag("Of use with two replicas or more only.", true) })
    .prefault({})
    .meta({ description: "Keeps a drain from taking both replicas at once." }),
  priorityClassName: text("Such as system-cluster-critical; empty: the cluster's default."),
  nodeSelector: record("Which nodes the operator may run on."),
  tolerations: objects("Taints that the operator's pods tolerate."),
  affinity: object("As in a pod."),
  podLabels: record("Further labels of the operator's pods."),
  podAnnotations: record("Further annotations of the operator's pods."),
  serviceAccountAnnotations: record(
    "Annotations of the operator's ServiceAccount: the role of a cloud that gives it access to a bucket, for example.",
  ),
};

const storage = {
  manifests: z
    .strictObject({
      volume: object(
        "A volume as in a pod, {persistentVolumeClaim: {claimName: reels}} for example; mounted read-only. Empty: `spec.manifest.file` of Reels is not served.",
      ),
    })
    .prefault({})
    .meta({ description: "The folder that `spec.manifest.file.path` of Reels is read under." }),
  archive: z
    .strictObject({
      bucket: z
        .string()
        .regex(/^(s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/.*)?)?$/u)
        .default("")
        .meta({
          description:
            "s3://bucket/prefix; region and identity are the pod's: extraEnv (AWS_REGION), serviceAccountAnnotations. Takes precedence over the volume.",
        }),
      volume: object(
        "A volume as in a pod that all replicas share, {persistentVolumeClaim: {claimName: archive}} for example.",
      ),
    })
    .prefault({})
    .meta({
      description:
        "Where manifests are kept by digest once they were read, for clouds that are added when their sources have gone. Neither: nowhere.",
    }),
  dataDir: z
    .strictObject({
      volume: object(
        "A volume as in a pod, of each replica alone ({ephemeral: …}). Empty: an emptyDir of 10 GiB.",
      ),
    })
    .prefault({})
    .meta({ description: "Where manifests are kept until room is needed: up to 8 GiB." }),
};

const access = {
  crds: z
    .strictObject({
      install: flag("Installs Certferry's kinds, and brings them up to date with each upgrade.", true),
      keep: flag("Leaves them, and with them all objects of Certferry, when the chart is uninstalled.", true),
    })
    .prefault({})
    .meta({ description: "The custom resource definitions." }),
  roles: z
    .strictObject({
      install: flag("certferry-admin, certferry-binder, certferry-viewer.", true),
      aggregate: flag("Gives them to those who have admin, edit or view of a namespace, too.", true),
    })
    .prefault({})
    .meta({ description: "ClusterRoles for people." }),
  policies: z
    .strictObject({
      cloudUse: flag("Who names a CloudApi in a DeviceBatch must hold the verb `use` on it.", true),
      reelBind: flag("Who makes a DeviceBatch must hold the verb `bind` on the Reel of that name.", false),
      reelContent: flag(
        "A reel is bound only when its issuers and kinds of keys are allowed by the ConfigMap certferry-reel-content of the operator's namespace.",
        false,
      ),
    })
    .prefault({})
    .meta({ description: "ValidatingAdmissionPolicies beside those that always hold." }),
};

/** What can be chosen when Certferry is installed. */
export const valuesSchema = z.strictObject({
  image,
  ...operator,
  ...network,
  ...monitoring,
  ...storage,
  ...scheduling,
  ...access,
  console: consoleValues,
});

export type Values = z.output<typeof valuesSchema>;
export type ValuesInput = z.input<typeof valuesSchema>;

/** Dotted names of all values: `image.tag`. */
export type Path = PathsOf<Values>;
type PathsOf<T, Before extends string = ""> = {
  [K in keyof T & string]:
    | `${Before}${K}`
    | (T[K] extends readonly unknown[]
        ? never
        : T[K] extends Record<string, unknown>
          ? PathsOf<T[K], `${Before}${K}.`>
          : never);
}[keyof T & string];

/** @throws Error that names what is wrong */
export function readValues(input: ValuesInput = {}): Values {
  const result = valuesSchema.safeParse(input);
  if (result.success) return result.data;
  throw new Error(`these values are refused: ${z.prettifyError(result.error)}`);
}

/** The value at a path. */
export function valueAt(values: Values, path: Path): unknown {
  return path.split(".").reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], values);
}
