import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JSONWebKeySet } from "jose";
import type { CloudApiSpec } from "../../crds/index.ts";
import { CAPABILITIES } from "../../interop/protocol/capabilities.ts";
import { targetOf } from "../../operator/provisioning/target.ts";
import { startToxiproxy, type ToxicProxy, type Toxiproxy } from "../../tools/toxiproxy/server.ts";
import type { Manners, TestCloud } from "../clouds/index.ts";
import { AWS_ACCOUNT, AZURE_SUBSCRIPTION, Field } from "../field/field.ts";
import { Audit } from "./audit.ts";
import { makeReels, type MadeReel, type PlannedDevice } from "./pool.ts";
import type { CloudPlan, Schedule } from "./schedule.ts";

const KEYS_EVERY_MS = 700;

/** A product cloud of a run, behind a way on which things go wrong. */
export interface GroundCloud {
  readonly plan: CloudPlan;
  readonly cloud: TestCloud;
  readonly proxy: ToxicProxy;
  /** Of its CloudApi, which leads through the proxy. */
  readonly spec: CloudApiSpec;
  readonly target: string;
  /** How it is when nothing is wrong with it. */
  readonly manners: Manners;
}

/** Where a run takes place: an API server that keeps an audit log, accounts, clouds and reels that are yet to be shipped. */
export class Ground {
  readonly schedule: Schedule;
  readonly folder: string;
  readonly audit: Audit;
  readonly field: Field;
  readonly clouds: readonly GroundCloud[];
  readonly reels: ReadonlyMap<string, MadeReel>;
  readonly #toxiproxy: Toxiproxy;
  readonly #keys: PublishedKeys;

  private constructor(
    schedule: Schedule,
    parts: Pick<Ground, "folder" | "audit" | "field" | "clouds" | "reels">,
    toxiproxy: Toxiproxy,
    keys: PublishedKeys,
  ) {
    this.schedule = schedule;
    this.folder = parts.folder;
    this.audit = parts.audit;
    this.field = parts.field;
    this.clouds = parts.clouds;
    this.reels = parts.reels;
    this.#toxiproxy = toxiproxy;
    this.#keys = keys;
  }

  static async open(schedule: Schedule): Promise<Ground> {
    const folder = await mkdtemp(join(tmpdir(), "certferry-faults-"));
    const audit = await Audit.open(folder);
    const plans = schedule.deeds.flatMap(({ deed }) => (deed.do === "ship" ? [deed.reel] : []));
    const [field, toxiproxy, reels] = await Promise.all([
      Field.open({ extraArgs: audit.apiServerArgs }),
      startToxiproxy({ seed: schedule.seed }),
      makeReels(plans),
    ]);
    const keys = new PublishedKeys(field);
    const clouds: GroundCloud[] = [];
    for (const account of schedule.accounts) await field.account(account);
    for (const plan of schedule.clouds) {
      const made = await openCloud(field, toxiproxy, plan, reels, () => keys.of(plan.account));
      clouds.push(made);
      await field.api(plan.account, plan.name, made.spec);
    }
    return new Ground(schedule, { folder, audit, field, clouds, reels }, toxiproxy, keys);
  }

  /** The cloud that a CloudApi leads to. */
  cloudOf(account: string, name: string): GroundCloud {
    const found = this.clouds.find(({ plan }) => plan.account === account && plan.name === name);
    if (found === undefined) throw new Error(`no cloud ${account}/${name} was planned`);
    return found;
  }

  async close(): Promise<void> {
    this.#keys.close();
    await this.field.close();
    await this.#toxiproxy.stop();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Whether a device is let in by a cloud, by its plan. */
export function isWelcome(device: PlannedDevice, position: number, { refusesEvery }: CloudPlan): boolean {
  return device.fate === "good" && !(refusesEvery > 0 && position % refusesEvery === 0);
}

async function openCloud(
  field: Field,
  toxiproxy: Toxiproxy,
  plan: CloudPlan,
  reels: ReadonlyMap<string, MadeReel>,
  jwks: () => Promise<JSONWebKeySet>,
): Promise<GroundCloud> {
  const unwelcome = [...reels.values()].flatMap(({ devices }) =>
    devices.flatMap((device, position) => (isWelcome(device, position, plan) ? [] : [device.ref])),
  );
  const manners: Manners = {
    latencyMs: plan.latencyMs,
    ...(plan.refusesEvery === 0 ? {} : { refuse: { refs: unwelcome, message: "Cannot get thumbprint" } }),
  };
  const cloud = await field.cloud(plan.account, {
    flavor: plan.flavor,
    jwks,
    manners,
    ...(plan.able ? { capabilities: CAPABILITIES } : {}),
  });
  const proxy = await toxiproxy.open(`${plan.account}-${plan.name}`, Number(new URL(cloud.origin).port));
  const spec = specOf(plan, cloud, proxy);
  return { plan, cloud, proxy, spec, target: targetOf(spec)?.key ?? "", manners };
}

function specOf(plan: CloudPlan, cloud: TestCloud, proxy: ToxicProxy): CloudApiSpec {
  const origin = `https://127.0.0.1:${proxy.port}`;
  const common = { caBundle: cloud.caPem, limits: plan.limits };
  if (plan.flavor === "azure") {
    const interopUrl = `${origin}${new URL(cloud.url).pathname}`;
    return { type: "Azure", azure: { interopUrl, subscriptionId: AZURE_SUBSCRIPTION }, ...common };
  }
  const { region } = plan;
  const aws = { accountId: AWS_ACCOUNT, apiGatewayId: "a1b2c3d4e5", region, stage: "Prod", endpoint: origin };
  return { type: "AWS", aws, ...common };
}

/** The accounts' public keys as they were last seen: clouds are given each set that is published, and outlive the API server. */
class PublishedKeys {
  readonly #field: Field;
  readonly #sets = new Map<string, JSONWebKeySet>();
  readonly #timer: NodeJS.Timeout;
  #reading = false;

  constructor(field: Field) {
    this.#field = field;
    this.#timer = setInterval(() => void this.#read(), KEYS_EVERY_MS);
  }

  of(account: string): Promise<JSONWebKeySet> {
    return Promise.resolve(this.#sets.get(account) ?? { keys: [] });
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #read(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      const wanted = { fieldSelector: "metadata.name=certferry-jwks" };
      const { items } = await this.#field.configMaps.list(wanted, AbortSignal.timeout(2_000));
      for (const { metadata, data } of items) {
        this.#sets.set(metadata.namespace ?? "", JSON.parse(data?.["jwks.json"] ?? "{}") as JSONWebKeySet);
      }
    } catch {
      // The API server is away: what was seen last is what the clouds have.
    } finally {
      this.#reading = false;
    }
  }
}
