import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findHelm } from "../tools/helm/source.ts";
import { missingPart } from "../tools/setup/missing-part.ts";
import { generatedFiles, main } from "./generate.ts";
import { objectsOf } from "./output/plain.ts";
import { type ValuesInput, readValues } from "./values/schema.ts";

const run = promisify(execFile);
const helmMissing = await missingPart(findHelm());
const { version } = JSON.parse(await readFile(join(import.meta.dirname, "..", "package.json"), "utf8")) as {
  version: string;
};

let folder: string;
let chart: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "certferry-charts-"));
  chart = join(folder, "certferry");
  await main(["--root", folder], () => {});
});

afterAll(async () => await rm(folder, { recursive: true, force: true }));

/** A console with sign-in at a provider. */
function signIn(oidc: NonNullable<NonNullable<ValuesInput["console"]>["oidc"]>) {
  const whole = { issuer: "https://id.example.com", clientId: "certferry", users: ["oidc:ada@example.com"] };
  return { enabled: true, publicUrl: "https://c.example.com", oidc: { ...whole, ...oidc } };
}

const CHOICES: readonly [string, ValuesInput][] = [
  ["nothing", {}],
  [
    "an image by digest, of a private registry",
    {
      image: {
        repository: "registry.example/certferry",
        digest: `sha256:${"0".repeat(64)}`,
        pullPolicy: "Always",
        pullSecrets: [{ name: "registry" }],
      },
    },
  ],
  [
    "a console whose people sign in at a provider",
    {
      console: {
        enabled: true,
        publicUrl: "https://certferry.example.com",
        image: { tag: "1.2.3" },
        tokenSignIn: false,
        oidc: {
          issuer: "https://id.example.com",
          clientId: "certferry",
          clientSecretName: "certferry-console-oidc",
          groups: ["oidc:line-leads"],
          users: ["oidc:ada@example.com"],
        },
      },
    },
  ],
  [
    "a console that may be anybody, as was asked for",
    { console: signIn({ users: [], anyUser: true, groups: ["oidc:line-leads"] }) },
  ],
  [
    "a console with a provider that is not installed",
    { console: { ...signIn({ users: [] }), enabled: false } },
  ],
  [
    "a console for some accounts, with tokens",
    {
      console: { enabled: true, publicUrl: "https://c.example.com", accounts: ["acme"] },
      clusterCidrs: ["10.0.0.0/8"],
    },
  ],
  ["another tag, one replica", { image: { tag: "1.2.3-rc.1" }, replicas: 1 }],
  ["some accounts only", { watchNamespaces: ["acme", "globex"] }],
  [
    "ranges and flags",
    {
      clusterCidrs: ["10.96.0.0/12", "fd00::/108"],
      egressAllowCidrs: ["127.0.0.1/32"],
      logLevel: "debug",
      maxManifestMib: 1_234_567,
      requestTimeoutSeconds: 86_400,
      checkEvery: "0",
      extraArgs: ['--odd="{{ .Values }}" # no: comment'],
      extraEnv: [{ name: "HTTPS_PROXY", value: "http://proxy:3128" }],
    },
  ],
  [
    "folders",
    {
      manifests: { volume: { persistentVolumeClaim: { claimName: "reels", readOnly: true } } },
      dataDir: {
        volume: { ephemeral: { volumeClaimTemplate: { spec: { accessModes: ["ReadWriteOnce"] } } } },
      },
    },
  ],
  ["an archive in a volume", { archive: { volume: { persistentVolumeClaim: { claimName: "archive" } } } }],
  [
    "an archive in a bucket, which a volume gives way to",
    {
      archive: {
        bucket: "s3://reels/certferry",
        volume: { persistentVolumeClaim: { claimName: "archive" } },
      },
      extraEnv: [{ name: "AWS_REGION", value: "eu-west-1" }],
    },
  ],
  [
    "where it runs",
    {
      priorityClassName: "system-cluster-critical",
      nodeSelector: { "kubernetes.io/os": "linux", generation: "2" },
      tolerations: [{ key: "only", operator: "Exists" }],
      affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
      podLabels: { team: "iot" },
      podAnnotations: { note: "yes" },
      serviceAccountAnnotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/reels" },
      resources: { requests: { cpu: "1", memory: "1Gi" }, limits: { memory: "2Gi" } },
    },
  ],
  [
    "who sees it",
    {
      serviceMonitor: { enabled: true, interval: "10s", labels: { release: "prometheus" } },
      networkPolicy: {
        apiServerPorts: [8443],
        cloudPorts: [443, 8443],
        metricsFrom: [{ namespaceSelector: { matchLabels: { name: "monitoring" } } }],
      },
    },
  ],
  [
    "as little as can be",
    {
      networkPolicy: { enabled: false },
      podDisruptionBudget: { enabled: false },
      crds: { install: false },
      roles: { install: false },
      policies: { cloudUse: false },
    },
  ],
  [
    "everything for people, nothing kept",
    {
      crds: { keep: false },
      roles: { aggregate: false },
      policies: { reelBind: true, reelContent: true },
    },
  ],
];

describe.skipIf(helmMissing !== undefined)(`the Helm chart${helmMissing ?? ""}`, () => {
  async function helm(...args: string[]): Promise<string> {
    const { path } = await findHelm();
    const env = { ...process.env, HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder, HELM_DATA_HOME: folder };
    return (await run(path, args, { env, timeout: 60_000, maxBuffer: 1e8 })).stdout;
  }

  async function rendered(values: unknown): Promise<object[]> {
    const file = join(folder, "values.yaml");
    await writeFile(file, JSON.stringify(values));
    const text = await helm("template", "ferry", chart, "--namespace", "harbour", "--values", file);
    return parseAllDocuments(text)
      .map((document) => document.toJS() as object | null)
      .filter((object) => object !== null);
  }

  it.each(CHOICES)("gives what the app gives for: %s", async (_what, values) => {
    const objects = objectsOf(values, { namespace: "harbour", version });
    const wanted = [...objects.values()].flat().map((object) => settled(object));
    const got = (await rendered(values)).map((object) => settled(object));
    expect(got.map(nameOf).sort()).toEqual(wanted.map(nameOf).sort());
    const byName = new Map(got.map((object) => [nameOf(object), object]));
    for (const object of wanted) expect(byName.get(nameOf(object))).toEqual(object);
  });

  it("passes helm's own lint", async () => {
    expect(await helm("lint", "--strict", chart)).toContain("0 chart(s) failed");
  });

  it.each([
    ["a word for a number", { replicas: "two" }],
    ["a name of a value that there is not", { replica: 2 }],
    ["what is no range", { clusterCidrs: ["10.0.0.0"] }],
    ["what is no bucket", { archive: { bucket: "/archive" } }],
    ["what is no namespace", { watchNamespaces: ["Acme"] }],
    ["a console without an address", { console: { enabled: true } }],
    ["a provider to which the console is nobody", { console: signIn({ clientId: "" }) }],
    ["a provider without the names of who may sign in", { console: signIn({ users: [] }) }],
    ["the same, said outright", { console: signIn({ users: [], anyUser: false }) }],
    [
      "a console that nobody could sign in to",
      { console: { ...signIn({ issuer: "" }), tokenSignIn: false } },
    ],
  ])("refuses %s, as the app does", async (_what, values) => {
    await expect(rendered(values)).rejects.toThrow(/don't meet the specifications of the schema/);
    expect(() => readValues(values as ValuesInput)).toThrow("these values are refused");
  });

  it("may be a part of another chart", async () => {
    expect(await rendered({ global: { registry: "x" } })).not.toHaveLength(0);
  });
});

it("the console may impersonate those who are named, or anybody where that was asked for in so many words", () => {
  const rulesFor = (oidc: Parameters<typeof signIn>[0]) => {
    const objects = objectsOf({ console: signIn(oidc) }, { namespace: "harbour", version });
    const roles = (objects.get("console-rights") ?? []) as { rules?: { resources: string[] }[] }[];
    return roles.flatMap(({ rules = [] }) => rules).filter(({ resources }) => resources.includes("users"));
  };
  const rule = { apiGroups: [""], resources: ["users"], verbs: ["impersonate"] };
  const named = { ...rule, resourceNames: ["oidc:ada@example.com"] };
  expect(rulesFor({})).toEqual([named]);
  expect(rulesFor({ anyUser: true })).toEqual([named]);
  expect(rulesFor({ anyUser: true, users: [] })).toEqual([rule]);
  expect(() => rulesFor({ users: [] })).toThrow("name who may sign in");
});

it("the policy about content is asked of the operator alone, wherever it is installed", () => {
  const objects = objectsOf({ policies: { reelContent: true } }, { namespace: "harbour", version });
  const policies = (objects.get("policies") ?? []) as {
    metadata: { name: string };
    spec: { matchConditions?: { expression: string }[] };
  }[];
  const policy = policies.find(({ metadata }) => metadata.name === "reel-content.certferry.dev");
  expect(policy?.spec.matchConditions?.map(({ expression }) => expression)).toEqual([
    "request.userInfo.username == 'system:serviceaccount:harbour:certferry-operator'",
  ]);
});

describe("what is generated", () => {
  it("is told to be stale when it is, and mended", async () => {
    const said: string[] = [];
    const generate = (...args: string[]) => main([...args, "--root", folder], (line) => said.push(line));
    expect(await generate("--check")).toBe(0);
    await writeFile(join(folder, "install.yaml"), "");
    await writeFile(join(folder, "kustomize", "odd.yaml"), "");
    expect(await generate("--check")).toBe(1);
    expect(said.at(-1)).toContain("charts/install.yaml");
    expect(said.at(-1)).toContain("charts/kustomize/odd.yaml");
    expect(await generate()).toBe(0);
    expect(await generate("--check")).toBe(0);
  });

  it("is the same each time", async () => {
    expect(await generatedFiles()).toEqual(await generatedFiles());
  });
});

type Labelled = { metadata: { labels?: Record<string, string> } };

/** Without the labels that say by what it was installed. */
function settled(object: object): Labelled {
  const copy = structuredClone(object) as Labelled;
  const {
    "helm.sh/chart": _chart,
    "app.kubernetes.io/managed-by": _by,
    ...labels
  } = copy.metadata.labels ?? {};
  return { ...copy, metadata: { ...copy.metadata, labels } };
}

function nameOf(object: object): string {
  const { kind, metadata } = object as { kind: string; metadata: { name: string; namespace?: string } };
  return `${kind} ${metadata.namespace ?? ""}/${metadata.name}`;
}
