import { describe, expect, it, onTestFinished } from "vitest";
import { API_VERSION, type CloudApi, kinds } from "../../../crds/index.ts";
import type { Secret } from "../../accounts/core-kinds.ts";
import { InteropError } from "../../../interop/caller/errors.ts";
import { generateSigningKey } from "../../../interop/trust/signing-key.ts";
import { TokenSource } from "../../../interop/trust/token-source.ts";
import { systemClock } from "../../runtime/clock.ts";
import { findCondition } from "../../runtime/conditions.ts";
import { Controller } from "../../runtime/controller.ts";
import { silentLogger } from "../../runtime/logger.ts";
import { keyOf } from "../../runtime/objects.ts";
import { ControllerRig, until } from "../testing/controllers.ts";
import { CloudLinks } from "./links.ts";
import { type Prober, Probes, type ProbesOptions } from "./probes.ts";
import { CloudApiReconciler } from "./reconciler.ts";

const key = await generateSigningKey();
const ANSWER = { compatibilityVersion: 1, capabilities: [] };

/** A CloudApi controller on an API server in memory, with clouds that answer as `info` does. */
async function bench(
  info: Prober["info"],
  more: { total?: number; secrets?: ProbesOptions["secrets"] } = {},
) {
  const rig = await ControllerRig.start();
  const { cluster, events } = rig;
  const links = new CloudLinks();
  const probes = new Probes({
    links,
    prober: { info },
    secrets: rig.api.resource({ ...cluster.configMaps.client.kind, plural: "secrets" }),
    keys: {
      tokens: (account, audience) =>
        Promise.resolve(new TokenSource({ key, issuer: account, audience, clock: systemClock })),
    },
    clock: systemClock,
    random: () => 0.5,
    log: silentLogger,
    ended: (name) => controller.enqueue(name),
    linkChanged: () => undefined,
    ...more,
  });
  const reconciler = new CloudApiReconciler({ cluster, probes, events, clock: systemClock });
  const controller = new Controller({
    name: "cloudapi",
    workers: 2,
    reconcile: (name, context) => reconciler.reconcile(name, context),
  });
  cluster.cloudApis.cache.onChange(({ object }) => controller.enqueue(keyOf(object)));
  const stop = new AbortController();
  const ended = controller.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    probes.close();
    await ended;
    rig[Symbol.dispose]();
  });
  const api = (name: string): CloudApi | undefined => cluster.cloudApis.cache.get(name);
  const ready = (name: string) => findCondition(api(name)?.status?.conditions, "Ready");
  return { rig, cluster, links, probes, api, ready, enqueue: (name: string) => controller.enqueue(name) };
}

/** A cloud that says nothing, for as long as it may. */
function silence(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

describe("a CloudApi", () => {
  it("is probed anew when it is another one of the same name, and the old one's answer is nothing to it", async () => {
    const asked: string[] = [];
    const answers = [Promise.withResolvers<typeof ANSWER>(), Promise.withResolvers<typeof ANSWER>()];
    const { rig, cluster, links, api, ready } = await bench(({ url }) => {
      asked.push(url);
      return answers[asked.length - 1]?.promise ?? Promise.resolve(ANSWER);
    });
    const old = await rig.azure("acme", "az");
    await until(() => asked.length === 1);
    await cluster.cloudApis.client.delete({ namespace: "acme", name: "az" });
    const subscriptionId = "0f3c1c0a-6a1e-4e59-9d4b-2f5f6c1b7a91";
    const interopUrl = "https://other.example/interop";
    await rig.azure("acme", "az", { azure: { interopUrl, subscriptionId } });
    await until(() => asked.length === 2);
    answers[0]?.resolve(ANSWER);
    await until(() => api("acme/az")?.spec.azure?.interopUrl === interopUrl);
    expect(ready("acme/az")).toBeUndefined();
    answers[1]?.resolve(ANSWER);
    await until(() => ready("acme/az")?.status === "True");
    expect(asked).toEqual(["https://az.example/interop", interopUrl]);
    const now = api("acme/az");
    expect(now && links.get(now)?.interop.url).toBe(interopUrl);
    expect(links.get(old)).toBeUndefined();
  });

  it("is probed although another account's clouds are all silent", async () => {
    const { rig, ready, cluster } = await bench(
      ({ url }, signal) => (url.includes("silent") ? silence(signal) : Promise.resolve(ANSWER)),
      { total: 6 },
    );
    for (let i = 0; i < 30; i += 1) await rig.azure("loud", `silent${i}`);
    await rig.azure("acme", "az");
    await until(() => ready("acme/az")?.status === "True");
    const silent = cluster.cloudApis.cache.get("loud/silent0");
    if (silent === undefined) throw new Error("loud/silent0 is not there");
    await cluster.cloudApis.client.update({ ...silent, spec: { ...silent.spec, suspend: true } });
    await until(() => ready("loud/silent0")?.reason === "Suspended");
    expect(ready("loud/silent29")).toBeUndefined();
  });

  it("keeps its verdict while it is probed again", async () => {
    let answer = (): Promise<typeof ANSWER> => Promise.resolve(ANSWER);
    const { rig, ready, probes, cluster, enqueue } = await bench(() => answer());
    await rig.azure("acme", "az");
    await until(() => ready("acme/az")?.status === "True");
    const seen: (string | undefined)[] = [];
    cluster.cloudApis.cache.onChange(() => seen.push(ready("acme/az")?.status));
    const late = Promise.withResolvers<typeof ANSWER>();
    let asked = 0;
    answer = () => {
      asked += 1;
      return late.promise;
    };
    probes.anew("acme/az");
    enqueue("acme/az");
    await until(() => asked === 1);
    enqueue("acme/az");
    late.resolve(ANSWER);
    await until(() => probes.look(cluster.cloudApis.cache.list()[0] as CloudApi).nextProbeAt !== undefined);
    expect(new Set(seen)).toEqual(new Set(["True"]));
  });

  it("reads its Secret once for many probes, and anew where the cloud refuses what it held", async () => {
    let accepted = "old";
    let held = "old";
    let reads = 0;
    const metadata = { namespace: "acme", name: "own" };
    const find = (): Promise<Secret> => {
      reads += 1;
      const [username, password] = ["certferry", held].map((text) => Buffer.from(text).toString("base64"));
      const data = { username: username ?? "", password: password ?? "" };
      const login = { namespace: "acme", name: "login" };
      return Promise.resolve({
        apiVersion: "v1",
        kind: "Secret",
        metadata: login,
        type: "kubernetes.io/basic-auth",
        data,
      });
    };
    const asked: string[] = [];
    const info: Prober["info"] = ({ auth }) => {
      const password = auth.kind === "basic" ? auth.password : "";
      asked.push(password);
      const refused = new InteropError({ reason: "Unauthorized", message: "refused", transient: false });
      return password === accepted ? Promise.resolve(ANSWER) : Promise.reject(refused);
    };
    const { cluster, ready, probes, enqueue } = await bench(info, { secrets: { find } });
    const probed = async (times: number): Promise<void> => {
      const before = asked.length;
      probes.anew("acme/own");
      enqueue("acme/own");
      await until(() => asked.length === before + times);
    };
    const credentialsSecretRef = { name: "login" };
    await cluster.cloudApis.client.create({
      apiVersion: API_VERSION,
      kind: kinds.CloudApi.kind,
      metadata,
      spec: {
        type: "Other",
        other: { url: "https://own.example/", cloud: "Private", credentialsSecretRef },
      },
    });
    await until(() => ready("acme/own")?.status === "True");
    await probed(1);
    await probed(1);
    expect(reads).toBe(1);
    [accepted, held] = ["new", "new"];
    await probed(2);
    expect(asked).toEqual(["old", "old", "old", "old", "new"]);
    expect(ready("acme/own")).toMatchObject({ status: "True", reason: "Connected" });
    // What was just read and is refused is not tried twice: doors lock after so many wrong passwords.
    accepted = "another";
    await probed(2);
    await until(() => ready("acme/own")?.status === "False");
    await probed(1);
    expect(asked.slice(5)).toEqual(["new", "new", "new"]);
  });

  it("tells of each verdict that is not the last one, the first included", async () => {
    let reason: "Unauthorized" | "NameNotResolved" | undefined = "Unauthorized";
    const { rig, ready, probes, enqueue } = await bench(() =>
      reason === undefined
        ? Promise.resolve(ANSWER)
        : Promise.reject(new InteropError({ reason, message: `it is ${reason}`, transient: false })),
    );
    const again = async (wanted: string): Promise<void> => {
      probes.anew("acme/az");
      enqueue("acme/az");
      await until(() => ready("acme/az")?.reason === wanted && rig.told.at(-1)?.reason === wanted);
    };
    await rig.azure("acme", "az");
    await again("Unauthorized");
    reason = "NameNotResolved";
    await again("NameNotResolved");
    reason = undefined;
    await again("Connected");
    expect(rig.told.map((event) => `${event.type} ${event.reason}`)).toEqual([
      "Warning Unauthorized",
      "Warning NameNotResolved",
      "Normal Connected",
    ]);
  });

  it("that is deleted waits for a batch that is to take its devices out, and for no other", async () => {
    const { rig, cluster, enqueue } = await bench(() => Promise.resolve(ANSWER));
    const target = {
      key: "Azure/0f3c1c0a-6a1e-4e59-9d4b-2f5f6c1b7a90/az.example",
      type: "Azure" as const,
      cloudApi: "az",
    };
    await rig.binding("d1", { batch: "out" });
    await rig.binding("d2", { batch: "stay" });
    await rig.batch("acme", "out", "D1", { deletionPolicy: "Deprovision" });
    await rig.batch("acme", "stay", "D2");
    await rig.binding("d3", { batch: "out-too" });
    await rig.batch("acme", "out-too", "D3", { deletionPolicy: "Deprovision" });
    await rig.ledger("d3-a", "d3", {}, { target });
    await rig.ledger("d1-a", "d1", {}, { target });
    await rig.ledger("d2-a", "d2", {}, { target });
    await until(() => cluster.ledgers.cache.list().length === 3 && cluster.batches.cache.list().length === 3);
    await rig.azure("acme", "az");
    const { batches } = cluster;
    const held = () => cluster.cloudApis.cache.get("acme/az")?.metadata.finalizers?.length;
    await until(() => held() === 1);
    const leave = async (name: string): Promise<void> => {
      const batch = await batches.client.get({ namespace: "acme", name });
      await batches.client.update({ ...batch, spec: { ...batch.spec, deletionPolicy: "Retain" } });
      await until(() => batches.cache.get(`acme/${name}`)?.spec.deletionPolicy === "Retain");
    };
    await cluster.cloudApis.client.delete({ namespace: "acme", name: "az" });
    await until(() => rig.told.some(({ reason }) => reason === "StillInUse"));
    expect(held()).toBe(1);
    expect(rig.told.find(({ reason }) => reason === "StillInUse")?.message).toMatch(
      /^2 batches \(out and 1 more\) .* \(`kubectl delete batch out -n acme`\)/,
    );
    await leave("out");
    enqueue("acme/az");
    await until(() => rig.told.some(({ message }) => message.startsWith("batch out-too ")));
    expect(held()).toBe(1);
    await leave("out-too");
    enqueue("acme/az");
    await until(() => held() === undefined);
  });
});
