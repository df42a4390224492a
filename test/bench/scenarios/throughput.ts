import { Ground } from "../ground/ground.ts";
import { Loop, type Taken } from "../loop/loop.ts";
import { cpuSeconds } from "../process-figures.ts";
import { atLeast, atMost, type BenchContext, type Figure, type Scenario } from "../scenario.ts";
import { median, medianRatio } from "../statistics.ts";

const DEVICES = 100_000;
const DEADLINE_MS = 300_000;

/** The operator's side of a round; both from when reel and batch are applied until the batch is ready. */
interface OperatorTaken extends Taken {
  /** From the first request to the last answer. */
  readonly sendingSeconds: number;
}

interface Round {
  readonly loop: Taken;
  readonly operator: OperatorTaken;
}

export const throughput: Scenario = {
  name: "throughput",
  about:
    "A reel of 100,000 into one cloud: the operator, as a process of its own on an API server with etcd, and the " +
    "tight loop, one after the other, from the same file and into the same callee (a process that reads DER only, " +
    "over plain HTTP on loopback), both warm. The operator's time runs from when Reel and DeviceBatch are applied " +
    "until the batch is Ready: fetching, inspecting, binding, sending and the last status. The loop's runs from the " +
    "first byte read to the last sync. The loop does the same checks on each row (framing, id, group, base64, " +
    "certificate to the last byte, serial number, validity, key and its curve, authority, private keys, duplicates of device, " +
    "certificate and serial number) but in one pass, so of two equal serial numbers it takes the first, and it takes " +
    "PEM of 64 columns only, EC, RSA and Ed25519 keys only. It syncs its journal once a second, as ledgers are written.",
  async run(context) {
    const { rounds, log, quick } = context;
    const devices = quick ? 2_000 : DEVICES;
    await using ground = await Ground.open(context);
    const measured = await measure(ground, { devices, rounds, log });
    const loop = medianOf(measured, ({ loop }) => devices / loop.seconds);
    const operator = medianOf(measured, ({ operator }) => devices / operator.seconds);
    const sending = medianOf(measured, ({ operator }) => devices / operator.sendingSeconds);
    const speed = medianRatio(
      measured.map(({ loop, operator }) => ({ a: loop.seconds, b: operator.seconds })),
    );
    const whileSending = medianRatio(
      measured.map(({ loop, operator }) => ({ a: loop.seconds, b: operator.sendingSeconds })),
    );
    const cpu = medianRatio(
      measured.map(({ loop, operator }) => ({ a: operator.cpuSeconds, b: loop.cpuSeconds })),
    );
    const micros = (of: (round: Round) => Taken): number =>
      medianOf(measured, (round) => (of(round).cpuSeconds / devices) * 1e6);
    const figures: Figure[] = [
      { name: "speed", what: "operator against the loop", value: speed, unit: "×", goal: atLeast(0.6) },
      {
        name: "cpu",
        what: "the operator's processor time per certificate against the loop's",
        value: cpu,
        unit: "×",
        goal: atMost(2),
      },
      { name: "loop-rate", what: "loop", value: loop, unit: "devices/s" },
      { name: "operator-rate", what: "operator", value: operator, unit: "devices/s" },
      {
        name: "sending-rate",
        what: "operator from its first request to the last answer",
        value: sending,
        unit: "devices/s",
      },
      { name: "sending-speed", what: "the same against the loop", value: whileSending, unit: "×" },
      {
        name: "loop-cpu",
        what: "loop, processor time",
        value: micros(({ loop }) => loop),
        unit: "µs/device",
      },
      {
        name: "operator-cpu",
        what: "operator, processor time",
        value: micros(({ operator }) => operator),
        unit: "µs/device",
      },
    ];
    return figures;
  },
};

function medianOf(rounds: readonly Round[], of: (round: Round) => number): number {
  return median(rounds.map(of));
}

async function measure(
  ground: Ground,
  { devices, rounds, log }: Pick<BenchContext, "rounds" | "log"> & { devices: number },
): Promise<Round[]> {
  await using loop = await Loop.start();
  const operator = await ground.operator();
  const stub = await ground.cloud("cloud");
  const token = await ground.token();
  const measured: Round[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const reel = await ground.manifest(`SPEED${round}`, devices);
    const runLoop = async (): Promise<Taken> => {
      await stub.reset();
      const job = { manifest: reel.path, batchId: reel.batchId, url: stub.url, token };
      return loop.run({ ...job, journal: ground.path("journal") }, devices);
    };
    const runOperator = async (): Promise<OperatorTaken> => {
      await stub.reset();
      const before = await cpuSeconds(operator.pid);
      const started = performance.now();
      await ground.bind(reel, ["cloud"]);
      await ground.ready(reel, DEADLINE_MS);
      const seconds = (performance.now() - started) / 1_000;
      const { letIn, firstAt, lastAt } = await stub.tally();
      if (letIn < devices) throw new Error(`the cloud let in ${letIn} of ${devices}`);
      return {
        seconds,
        cpuSeconds: (await cpuSeconds(operator.pid)) - before,
        sendingSeconds: (lastAt - firstAt) / 1_000,
      };
    };
    // Who comes first changes, so that neither has the warmer files.
    const first = round % 2 === 0 ? await runLoop() : undefined;
    const taken = await runOperator();
    const pair = { loop: first ?? (await runLoop()), operator: taken };
    log(
      `round ${round}: loop ${pair.loop.seconds.toFixed(2)} s, operator ${taken.seconds.toFixed(2)} s (sending ${taken.sendingSeconds.toFixed(2)} s)`,
    );
    // The first one warms both up.
    if (round > 0) measured.push(pair);
  }
  await operator.stop();
  return measured;
}
