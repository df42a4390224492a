import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { API_VERSION, type DeviceBatch, kinds } from "../../crds/index.ts";
import { objectsOf } from "../../charts/output/plain.ts";
import { KubeClient } from "../../operator/runtime/client.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { Field, OPERATOR_NAMESPACE as NAMESPACE } from "../field/field.ts";
import { apply, eventually } from "../harness/index.ts";

const RBAC = "rbac.authorization.k8s.io";
const SIXTEEN = Array.from({ length: 16 }, (_, n) => `cloud-${String(n).padStart(2, "0")}`);

let field: Field;
let folder: string | undefined;
const people: KubeClient[] = [];

beforeAll(async () => {
  field = await Field.open();
  const parts = objectsOf(
    { policies: { reelBind: true, reelContent: true } },
    { namespace: NAMESPACE, version: "0.0.0" },
  );
  for (const part of ["operator-rights", "people-roles", "policies"])
    await apply(field.client, (parts.get(part) ?? []) as KubeObject[]);
  await field.account("acme");
  await field.account("globex");
  await grant("viewer", "certferry-viewer");
  await grant("binder", "certferry-binder");
  await grant("editor", "certferry-editor");
  await grant("admin-of-acme", "admin");
  await grant("edit-of-acme", "edit");
  await grant("view-of-acme", "view");
  await allow("binder", { resources: ["reels"], resourceNames: ["mine-1"], verbs: ["bind"] });
  await allow("editor", { resources: ["reels"], verbs: ["bind"] });
  await allow("chooser", { resources: ["cloudapis"], resourceNames: SIXTEEN.slice(0, 15), verbs: ["use"] });
  await allow("chooser", { resources: ["devicebatches"], verbs: ["create", "get", "update"] });
  await allow("chooser", { resources: ["reels"], verbs: ["bind"] });
  await eventually(
    async () => (await refusal(as("binder"), "warm-up", { batchId: "MINE-1" }, true)) === undefined,
  );
  await eventually(async () =>
    /reel WARM-UP/.test((await refusal(as("binder"), "warm-up", { batchId: "WARM-UP" }, true)) ?? ""),
  );
});

afterAll(async () => {
  await Promise.all(people.map((client) => client.close()));
  await field?.close();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

/** For a process: an administrator's, that acts as somebody. */
async function kubeconfigOf(user: string): Promise<string> {
  folder ??= await mkdtemp(join(tmpdir(), "certferry-policies-"));
  const path = join(folder, "kubeconfig");
  const config = parse(await readFile(field.plane.kubeconfig, "utf8")) as { users: { user: object }[] };
  const users = config.users.map((each) => ({ ...each, user: { ...each.user, as: user } }));
  await writeFile(path, stringify({ ...config, users }), { mode: 0o600 });
  return path;
}

/** A person, by impersonation. */
function as(user: string): KubeClient {
  const config = new KubeConfig();
  config.loadFromFile(field.plane.kubeconfig);
  const [cluster] = config.clusters;
  const [admin] = config.users;
  if (cluster === undefined || admin === undefined) throw new Error("the kubeconfig names nobody");
  const person = new KubeConfig();
  person.loadFromClusterAndUser(cluster, { ...admin, impersonateUser: user });
  const client = new KubeClient(person);
  people.push(client);
  return client;
}

async function grant(user: string, clusterRole: string): Promise<void> {
  await apply(field.client, [binding(`${user}-has-${clusterRole}`, user, "ClusterRole", clusterRole)]);
}

/** Rights of Certferry's own group: in the account acme, or where a rule is about Reels, everywhere. */
async function allow(
  user: string,
  rule: { resources: string[]; resourceNames?: string[]; verbs: string[] },
): Promise<void> {
  const everywhere = rule.resources.includes("reels");
  const name = `${user}-may-${rule.verbs[0] ?? ""}-${rule.resources[0] ?? ""}`;
  const metadata = { name, ...(everywhere ? {} : { namespace: "acme" }) };
  const kind = everywhere ? "ClusterRole" : "Role";
  const rules = [{ apiGroups: ["certferry.dev"], ...rule }];
  await apply(field.client, [
    { apiVersion: `${RBAC}/v1`, kind, metadata, rules } as KubeObject,
    binding(name, user, kind, name, everywhere),
  ]);
}

function binding(name: string, user: string, roleKind: string, role: string, everywhere = false): KubeObject {
  const made = {
    apiVersion: `${RBAC}/v1`,
    kind: everywhere ? "ClusterRoleBinding" : "RoleBinding",
    metadata: { name, ...(everywhere ? {} : { namespace: "acme" }) },
    roleRef: { apiGroup: RBAC, kind: roleKind, name: role },
    subjects: [{ apiGroup: RBAC, kind: "User", name: user }],
  };
  return made;
}

/** Makes a batch as somebody, or tells why not. */
async function refusal(
  client: KubeClient,
  name: string,
  spec: { batchId: string; cloudApis?: { name: string }[] },
  dryRun = false,
): Promise<string | undefined> {
  const batch = { apiVersion: API_VERSION, kind: "DeviceBatch", metadata: { namespace: "acme", name }, spec };
  const path = "/apis/certferry.dev/v1alpha1/namespaces/acme/devicebatches";
  return await client
    .request({ method: "POST", path, body: batch, ...(dryRun ? { query: { dryRun: "All" } } : {}) })
    .then(
      () => undefined,
      (error: Error) => error.message,
    );
}

const named = (names: readonly string[]): { name: string }[] => names.map((name) => ({ name }));

describe("who may choose a cloud", () => {
  it("is who holds `use` on it by name, up to all sixteen that a batch may have", async () => {
    const chooser = as("chooser");
    expect(
      await refusal(chooser, "fifteen", { batchId: "A-1", cloudApis: named(SIXTEEN.slice(0, 15)) }),
    ).toBeUndefined();
    const sixteen = await refusal(chooser, "sixteen", { batchId: "A-2", cloudApis: named(SIXTEEN) });
    expect(sixteen).toContain(
      "you may not choose CloudApi cloud-15 in namespace acme: ask for the verb use on it",
    );
    await allow("chooser-of-all", { resources: ["cloudapis"], resourceNames: SIXTEEN, verbs: ["use"] });
    await allow("chooser-of-all", { resources: ["devicebatches"], verbs: ["create"] });
    await allow("chooser-of-all", { resources: ["reels"], verbs: ["bind"] });
    const all = { batchId: "A-2", cloudApis: named(SIXTEEN) };
    await eventually(async () => (await refusal(as("chooser-of-all"), "sixteen", all)) === undefined, {
      deadline: 10_000,
    });
  });

  it("is asked for names that are added only: who may not use a cloud can still change and empty a batch that has it", async () => {
    const path = "/apis/certferry.dev/v1alpha1/namespaces/acme/devicebatches/theirs";
    const cloudApis = named(["cloud-00", "not-allowed"]);
    await field.batch("acme", "theirs", { batchId: "A-3", cloudApis });
    const chooser = as("chooser");
    const had = async () => (await chooser.request({ method: "GET", path })) as DeviceBatch;
    const put = async (spec: object) => {
      const { status: _status, ...batch } = await had();
      return await chooser.request({
        method: "PUT",
        path,
        body: { ...batch, spec: { ...batch.spec, ...spec } },
      });
    };
    await expect(put({ suspend: true })).resolves.toBeDefined();
    await expect(put({ cloudApis: [...cloudApis, { name: "another" }] })).rejects.toThrow(/CloudApi another/);
    await expect(put({ cloudApis: named(["cloud-00", "cloud-01", "not-allowed"]) })).resolves.toBeDefined();
    await expect(put({ cloudApis: [] })).resolves.toBeDefined();
    await expect(put({ cloudApis: named(["not-allowed"]) })).rejects.toThrow(/CloudApi not-allowed/);
  });

  it("is not who binds in the factory: the account's default is theirs", async () => {
    const binder = as("binder");
    const spec = { batchId: "MINE-1" };
    expect(await refusal(binder, "factory-chosen", { ...spec, cloudApis: named(["cloud-00"]) })).toContain(
      "cloud-00",
    );
    expect(await refusal(binder, "factory", spec)).toBeUndefined();
  });
});

describe("who may bind a reel, where the policy is on", () => {
  it("is who holds `bind` on it by its name, which is the batch ID in lower case", async () => {
    const binder = as("binder");
    expect(await refusal(binder, "mine", { batchId: "Mine-1" })).toBeUndefined();
    expect(await refusal(binder, "other", { batchId: "MINE-2" })).toContain(
      "you may not bind reel MINE-2: ask for the verb bind on Reel mine-2",
    );
    expect(await refusal(as("editor"), "any", { batchId: "MINE-2" })).toBeUndefined();
  });
});

describe("what may be bound, where the policy is on", () => {
  const OPERATOR = `system:serviceaccount:${NAMESPACE}:certferry-operator`;
  const FACTORY = "CN=Factory CA, O=Maker";
  const parameters = { namespace: NAMESPACE, name: "certferry-reel-content" };

  /** Only the API server's answer is asked for. */
  async function refused(
    account: string,
    content: { issuers?: string[]; keyTypes?: string[] },
    who: KubeClient = as(OPERATOR),
  ): Promise<string | undefined> {
    const at = "2026-01-01T00:00:00Z";
    const spec = { account, batchId: "TRIED-1", boundAt: at, evaluatedAt: at, devices: 1, records: 1 };
    const body = {
      apiVersion: API_VERSION,
      kind: "ReelBinding",
      metadata: { name: "tried-1" },
      spec: { ...spec, manifestSha256: "a".repeat(64), ...content },
    };
    const path = "/apis/certferry.dev/v1alpha1/reelbindings";
    return await who.request({ method: "POST", path, body, query: { dryRun: "All" } }).then(
      () => undefined,
      (error: Error) => error.message,
    );
  }

  async function allowContent(data: Record<string, string>): Promise<void> {
    const there = await field.configMaps.find(parameters);
    const body = { apiVersion: "v1", kind: "ConfigMap", metadata: parameters, data };
    if (there !== undefined) await field.configMaps.delete(parameters);
    await field.configMaps.create(body);
  }

  /** The API server hears of parameters a moment after they were written. */
  async function becomes(account: string, content: object, wanted: RegExp | undefined): Promise<void> {
    await eventually(
      async () => {
        const words = await refused(account, content);
        if (wanted === undefined ? words !== undefined : !wanted.test(words ?? "")) throw new Error(words);
        return true;
      },
      { deadline: 10_000, interval: 50, what: `an answer like ${wanted?.source ?? "yes"}` },
    );
  }

  it("is nothing while there are no parameters, and anything where they say nothing", async () => {
    const content = { issuers: [FACTORY], keyTypes: ["P-256"] };
    await becomes("acme", content, /no params found/);
    await allowContent({});
    await becomes("acme", content, undefined);
    expect(await refused("acme", {})).toBeUndefined();
  });

  it("is what has allowed issuers and keys only, with an account's own lists before everybody's", async () => {
    await allowContent({
      issuers: `${FACTORY}\n  CN=Second CA  \n`,
      keyTypes: "P-256\n",
      "issuers.globex": "CN=Other CA",
    });
    await becomes(
      "acme",
      { issuers: ["CN=Nobody"], keyTypes: ["P-256"] },
      /issued by CN=Nobody, which is not/,
    );
    const both = [FACTORY, "CN=Second CA"];
    expect(await refused("acme", { issuers: both, keyTypes: ["P-256"] })).toBeUndefined();
    expect(await refused("acme", { issuers: [...both, "CN=Other CA"], keyTypes: ["P-256"] })).toContain(
      "account acme may not bind reel TRIED-1: certificates were issued by CN=Other CA",
    );
    expect(await refused("acme", { issuers: both, keyTypes: ["P-256", "RSA-2048"] })).toContain(
      "devices have keys of type RSA-2048",
    );
    expect(await refused("globex", { issuers: ["CN=Other CA"], keyTypes: ["P-256"] })).toBeUndefined();
    expect(await refused("globex", { issuers: [FACTORY], keyTypes: ["P-256"] })).toContain(FACTORY);
    // More than can be told: a part is not taken for the whole.
    expect(await refused("acme", { keyTypes: ["P-256"] })).toContain("more issuers than can be told");
    expect(await refused("acme", { issuers: both })).toContain("more types of keys than can be told");
  });

  it("is not asked of who writes bindings back from a backup: they were bound before", async () => {
    await allowContent({ issuers: FACTORY, keyTypes: "P-256" });
    await becomes("acme", { issuers: ["CN=Nobody"], keyTypes: ["P-256"] }, /issued by CN=Nobody/);
    expect(await refused("acme", {}, field.client)).toBeUndefined();
    expect(await refused("acme", { issuers: ["CN=Nobody"] }, field.client)).toBeUndefined();
  });

  it("has a way to write an issuer without a name", async () => {
    const nameless = { issuers: [""], keyTypes: ["P-256"] };
    await allowContent({ issuers: `${FACTORY}\n\n` });
    await becomes("acme", nameless, /issued by \(no name\), which is not/);
    await allowContent({ issuers: `${FACTORY}\n(no name)\n` });
    await becomes("acme", nameless, undefined);
    expect(await refused("acme", nameless)).toBeUndefined();
  });

  it("is decided within the cost limit for the longest lists that there are", async () => {
    const many = Array.from({ length: 16 }, (_, n) => `CN=CA ${n}, O=${"x".repeat(1_000)}`);
    const longest = Array.from({ length: 600 }, (_, n) => `CN=CA ${n + 15}, O=${"x".repeat(1_000)}`);
    await allowContent({ issuers: longest.join("\n") });
    await becomes("acme", { issuers: many }, /issued by CN=CA 0, O=x+/);
    await allowContent({ issuers: [...many, ...longest].join("\n") });
    await becomes("acme", { issuers: many }, undefined);
    expect(await refused("acme", { issuers: many })).toBeUndefined();
  });

  it("is told to who binds, at sixteen clouds too, and bound by itself when it is allowed", async () => {
    await allowContent({ keyTypes: "RSA-2048" });
    await becomes("acme", { keyTypes: ["P-256"] }, /P-256/);
    await field.operator({ leaderElect: false, kubeconfig: await kubeconfigOf(OPERATOR) });
    await field.ship("ODD-1", 2);
    await field.awaitReel("ODD-1", "True", "Available");
    await allow("chooser-of-all", { resources: ["cloudapis"], resourceNames: SIXTEEN, verbs: ["use"] });
    await eventually(
      async () =>
        (await refusal(as("chooser-of-all"), "odd", { batchId: "ODD-1", cloudApis: named(SIXTEEN) })) ===
        undefined,
    );
    const wanted = { type: "Bound", status: "False", reason: "NotAllowed" };
    const batch = await field.awaitBatch("acme", "odd", wanted);
    const told = batch.status?.conditions?.find(({ type }) => type === "Ready")?.message;
    expect(told).toContain("account acme may not bind reel ODD-1: devices have keys of type P-256");
    const { issuers = [] } = (await field.reels.get({ name: "odd-1" })).status ?? {};
    await allowContent({ keyTypes: "RSA-2048\nP-256", issuers: issuers.join("\n") });
    await becomes("acme", { keyTypes: ["P-256"], issuers }, undefined);
    // Any change has it asked at once; otherwise that is a minute's wait.
    await field.batches.patch({ namespace: "acme", name: "odd" }, { metadata: { labels: { seen: "yes" } } });
    await field.awaitBatch("acme", "odd", { type: "Bound", status: "True" });
    expect((await field.bindings.get({ name: "odd-1" })).spec).toMatchObject({
      issuers,
      keyTypes: ["P-256"],
    });
  });
});

describe("the roles for people", () => {
  const who = (user: string) => async (verb: string, what: string, name?: string) => {
    const [resource = "", namespace] = what.split("@");
    const review = (await field.client.request({
      method: "POST",
      path: "/apis/authorization.k8s.io/v1/subjectaccessreviews",
      body: {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: { user, resourceAttributes: { group: "certferry.dev", resource, verb, namespace, name } },
      },
    })) as { status: { allowed: boolean } };
    return review.status.allowed;
  };

  it.each([
    ["viewer", ["list devicebatches", "watch cloudapis"]],
    ["view-of-acme", ["list devicebatches", "watch cloudapis"]],
    ["binder", ["list devicebatches", "watch cloudapis", "create devicebatches"]],
    [
      "editor",
      [
        "list devicebatches",
        "watch cloudapis",
        "create devicebatches",
        "delete devicebatches",
        "update cloudapis",
        "use cloudapis",
      ],
    ],
    [
      "edit-of-acme",
      [
        "list devicebatches",
        "watch cloudapis",
        "create devicebatches",
        "delete devicebatches",
        "update cloudapis",
        "use cloudapis",
      ],
    ],
    [
      "admin-of-acme",
      [
        "list devicebatches",
        "watch cloudapis",
        "create devicebatches",
        "delete devicebatches",
        "update cloudapis",
        "use cloudapis",
      ],
    ],
  ])("%s may do that and no more in an account, and nothing in another", async (user, allowed) => {
    const may = who(user);
    const words =
      "list devicebatches, watch cloudapis, create devicebatches, delete devicebatches, update cloudapis, use cloudapis, " +
      "update devicebatches/status, delete reelbindings, list reelbindings, create provisioningledgers, list reels";
    const asked = words.split(", ");
    // The aggregation of roles is a controller's work.
    await eventually(async () => await may("list", "devicebatches@acme"));
    const answers = await Promise.all(
      asked.map(async (each) => {
        const [verb = "", resource = ""] = each.split(" ");
        return {
          each,
          here: await may(verb, `${resource}@acme`),
          there: await may(verb, `${resource}@globex`),
        };
      }),
    );
    // Cluster-scoped kinds are out of reach of a RoleBinding, whatever the role says.
    const namespaced = answers.filter(({ each }) => !/reels|reelbindings|ledgers/.test(each));
    expect(namespaced.filter(({ here }) => here).map(({ each }) => each)).toEqual(allowed);
    expect(answers.filter(({ there }) => there)).toEqual([]);
    expect(await may("list", "reelbindings")).toBe(false);
  });

  it("certferry-admin may release a reel and writes no record otherwise", async () => {
    await apply(field.client, [binding("boss", "boss", "ClusterRole", "certferry-admin", true)]);
    const may = who("boss");
    await eventually(async () => await may("delete", "reelbindings"));
    for (const [verb, resource] of [
      ["create", "reelbindings"],
      ["update", "reelbindings"],
      ["patch", "provisioningledgers"],
      ["delete", "provisioningledgers"],
      ["update", "reels/status"],
    ] as const) {
      expect(`${verb} ${resource} ${await may(verb, resource)}`).toBe(`${verb} ${resource} false`);
    }
    for (const [verb, resource] of [
      ["list", "provisioningledgers"],
      ["create", "reels"],
      ["bind", "reels"],
      ["use", "cloudapis"],
    ] as const) {
      expect(`${verb} ${resource} ${await may(verb, resource)}`).toBe(`${verb} ${resource} true`);
    }
  });

  it("are about kinds that there are", async () => {
    const parts = objectsOf({}, { namespace: NAMESPACE, version: "0.0.0" });
    const known = new Set(Object.values(kinds).flatMap(({ plural }) => [plural, `${plural}/status`]));
    const roles = (parts.get("people-roles") ?? []) as {
      rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
    }[];
    const rules = roles.flatMap((role) => role.rules);
    const named = rules.flatMap(({ resources }) => resources);
    expect(named.filter((resource) => !known.has(resource) && resource !== "events")).toEqual([]);
    // What is not Certferry's is read, and that is Events alone.
    for (const { apiGroups, resources, verbs } of rules) {
      if (apiGroups.includes("certferry.dev")) continue;
      expect([apiGroups, resources, verbs]).toEqual([[""], ["events"], ["get", "list", "watch"]]);
    }
  });
});
