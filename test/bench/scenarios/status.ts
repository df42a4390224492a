import { Audit, type AuditedRequest } from "../ground/audit.ts";
import { Ground } from "../ground/ground.ts";
import { atMost, type Scenario } from "../scenario.ts";

const BATCHES = 20;
const DEVICES = 20_000;
const DEVICES_PER_SECOND = 250;
const REFUSED = 0.1;
const SECONDS = 40;
const WINDOW_SECONDS = 10;

export const status: Scenario = {
  name: "status",
  about:
    "Twenty batches of 20,000 devices under way at once through an operator, each to a cloud of its own at 250 devices " +
    "a second, a tenth of the devices refused for good. For forty seconds every status and ledger that is written is taken " +
    "from the API server's audit log: its size, and how many of one batch come within ten seconds.",
  async run(context) {
    const { quick, log } = context;
    await using audit = await Audit.make();
    await using ground = await Ground.open(context, audit.flags);
    await ground.operator();
    const batches = quick ? 2 : BATCHES;
    const names = Array.from({ length: batches }, (_, at) => `STATUS${at + 1}`);
    const reels = [];
    for (const name of names) {
      reels.push(await ground.manifest(name, quick ? 2_000 : DEVICES));
      await ground.cloud(name.toLowerCase(), { rejects: REFUSED }, { devicesPerSecond: DEVICES_PER_SECOND });
    }
    await audit.next();
    const started = Date.now();
    for (const reel of reels) await ground.bind(reel, [reel.batchId.toLowerCase()]);
    await new Promise((resolve) => setTimeout(resolve, (quick ? 5 : SECONDS) * 1_000));
    const seconds = (Date.now() - started) / 1_000;
    const requests = await audit.next();
    const statuses = requests.filter(
      ({ resource, subresource }) => resource === "devicebatches" && subresource === "status",
    );
    const ledgers = requests.filter(
      ({ resource, body }) => resource === "provisioningledgers" && body !== undefined,
    );
    const ledgerBytes = ledgers.reduce((sum, { body }) => sum + sizeOf(body), 0);
    log(`${statuses.length} statuses and ${ledgers.length} ledgers written in ${seconds} s`);
    if (statuses.length < batches || ledgers.length < batches)
      throw new Error("the batches were not under way");
    return [
      {
        name: "size",
        what: "largest status",
        value: Math.max(...statuses.map(({ body }) => sizeOf((body as { status?: unknown }).status))) / 1024,
        unit: "KiB",
        goal: atMost(20),
      },
      {
        name: "writes",
        what: "status writes of one batch, the most in ten seconds",
        value: busiest(statuses) / WINDOW_SECONDS,
        unit: "/s",
        goal: atMost(1),
      },
      {
        name: "ledger-bytes",
        what: "written to ledgers",
        value: ledgerBytes / seconds / 1024,
        unit: "KiB/s",
        goal: atMost(64),
      },
      { name: "requests", what: "requests to the API server", value: requests.length / seconds, unit: "/s" },
    ];
  },
};

function sizeOf(body: unknown): number {
  return Buffer.byteLength(JSON.stringify(body ?? null));
}

/** The most writes of one batch within ten seconds; each window begins with one of them. */
function busiest(writes: readonly AuditedRequest[]): number {
  const times = new Map<string, number[]>();
  for (const { name, at } of writes) times.set(name, [...(times.get(name) ?? []), at]);
  let most = 0;
  for (const all of times.values()) {
    for (const from of all) {
      const until = from + WINDOW_SECONDS * 1_000;
      most = Math.max(most, all.filter((at) => at >= from && at < until).length);
    }
  }
  return most;
}
