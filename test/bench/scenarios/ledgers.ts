import type { ProvisioningLedger } from "../../../crds/index.ts";
import type { CertificateAnswer } from "../../../interop/caller/caller.ts";
import { readRefusal } from "../../../interop/caller/refusal.ts";
import { ENTRY_MESSAGES } from "../../../interop/protocol/messages.ts";
import { ByteBudget } from "../../../operator/provisioning/byte-budget.ts";
import type { Caller } from "../../../operator/provisioning/caller-port.ts";
import { Ferry } from "../../../operator/provisioning/ferry.ts";
import { LedgerStore } from "../../../operator/provisioning/ledger/store.ts";
import type { ResourceClient } from "../../../operator/runtime/client.ts";
import { systemClock } from "../../../operator/runtime/clock.ts";
import { silentLogger } from "../../../operator/runtime/logger.ts";
import { placementSpec } from "../ferry/placement.ts";
import { SyntheticContents } from "../ferry/synthetic-contents.ts";
import { EtcdGauge, type EtcdSize } from "../ground/etcd-size.ts";
import { Ground } from "../ground/ground.ts";
import { atLeast, atMost, type Scenario } from "../scenario.ts";

const BATCHES = 20;
const DEVICES = 1_000_000;
const REFUSED = 0.1;
/** Of each batch: together more than one operator sends on two cores. */
const DEVICES_PER_SECOND = 2_000;
const LATENCY_MS = 20;
const WARM_UP_SECONDS = 15;
const WINDOW_SECONDS = 60;
const COMPACTION_SECONDS = 300;
/** The operator's own (operator.ts). */
const BYTES_PER_SECOND = 64 * 1024;
const BURST_BYTES = 512 * 1024;
const MEBI = 1024 ** 2;

export const ledgers: Scenario = {
  name: "ledgers",
  about:
    "Twenty batches of a million devices under way at once, each to a cloud of its own at 2,000 devices a second, a " +
    "tenth of the devices refused for good at random. The operator's ferry and ledger store in the benchmark's process, " +
    "devices that stand in no file, clouds that answer in the process; the ledgers on a real API server and etcd. After " +
    "15 s, in which what was saved up is used, a minute is counted: bytes in requests, and pages in use in etcd after a " +
    "compaction at both ends of it, times sixty for an hour. Between two compactions the API server keeps the history of " +
    "five minutes, which is told as well.",
  async run(context) {
    const { quick, log } = context;
    await using ground = await Ground.open(context);
    const gauge = await EtcdGauge.of(ground.field);
    const writes = new CountedWrites(ground.field.ledgers);
    const caller = new RandomRefusals();
    const ferry = new Ferry({
      caller,
      contents: await SyntheticContents.make(),
      store: new LedgerStore(
        writes.client,
        new ByteBudget(BYTES_PER_SECOND, BURST_BYTES, systemClock),
        () => undefined,
      ),
      clock: systemClock,
      random: Math.random,
      log: silentLogger,
      changed: () => undefined,
      mayAct: () => true,
    });
    for (let batch = 1; batch <= BATCHES; batch += 1) declare(ferry, batch);
    await systemClock.sleep((quick ? 2 : WARM_UP_SECONDS) * 1_000);
    const window = quick ? 3 : WINDOW_SECONDS;
    const first = await mark(gauge, writes, caller);
    await systemClock.sleep(window * 1_000);
    const uncompacted = await gauge.size();
    const last = await mark(gauge, writes, caller);
    await ferry.close(0);
    const seconds = (last.at - first.at) / 1_000;
    const bytes = last.bytes - first.bytes;
    log(
      `${last.writes - first.writes} writes, ${bytes} bytes, ${last.devices - first.devices} devices in ${seconds} s`,
    );
    const wanted = BATCHES * DEVICES_PER_SECOND;
    return [
      {
        name: "bytes",
        what: "written to ledgers, in all",
        value: bytes / seconds / 1024,
        unit: "KiB/s",
        goal: atMost(64),
      },
      {
        name: "etcd-growth",
        what: "etcd's growth in an hour, after compaction",
        value: ((last.etcd.inUse - first.etcd.inUse) / seconds) * (3_600 / 1e6),
        unit: "MB",
        goal: atMost(100),
      },
      {
        name: "history",
        what: "history that etcd holds between two compactions",
        value: ((uncompacted.inUse - last.etcd.inUse) / MEBI / seconds) * COMPACTION_SECONDS,
        unit: "MiB",
      },
      {
        name: "goodput",
        what: "share of the wanted devices that were dealt with meanwhile: sending must not wait for ledgers",
        value: (last.devices - first.devices) / seconds / wanted,
        unit: "",
        goal: atLeast(0.9),
      },
      { name: "largest", what: "largest write", value: writes.largest / 1024, unit: "KiB" },
    ];
  },
};

interface Mark {
  readonly at: number;
  readonly bytes: number;
  readonly writes: number;
  readonly devices: number;
  readonly etcd: EtcdSize;
}

async function mark(gauge: EtcdGauge, writes: CountedWrites, caller: RandomRefusals): Promise<Mark> {
  const etcd = await gauge.compacted();
  return { at: performance.now(), bytes: writes.bytes, writes: writes.count, devices: caller.devices, etcd };
}

function declare(ferry: Ferry, batch: number): void {
  const spec = placementSpec({
    batchId: `${batch}:${DEVICES}`,
    devices: DEVICES,
    reel: `ledgers-${batch}`,
    target: batch.toString(16).padStart(10, "0"),
    limits: { devicesPerSecond: DEVICES_PER_SECOND },
    namesBySerial: false,
  });
  ferry.declare(spec);
}

/** Clouds that take nine devices of ten. */
class RandomRefusals implements Caller {
  devices = 0;

  async provision(
    _target: unknown,
    certs: readonly { readonly ref: string }[],
    signal: AbortSignal,
  ): Promise<Map<string, CertificateAnswer>> {
    await systemClock.sleep(LATENCY_MS, signal);
    this.devices += certs.length;
    return new Map(
      certs.map(({ ref }) => [
        ref,
        Math.random() < REFUSED
          ? readRefusal({ message: ENTRY_MESSAGES.validityOutOfRange })
          : { outcome: "provisioned", policyApplied: true },
      ]),
    );
  }

  deprovision(): Promise<never> {
    return Promise.reject(new Error("nobody is taken out here"));
  }
}

/** Counts what is written through a client. */
class CountedWrites {
  bytes = 0;
  count = 0;
  largest = 0;
  readonly client: ResourceClient<ProvisioningLedger>;

  constructor(inner: ResourceClient<ProvisioningLedger>) {
    this.client = {
      kind: inner.kind,
      get: (key, signal) => inner.get(key, signal),
      find: (key, signal) => inner.find(key, signal),
      list: (options, signal) => inner.list(options, signal),
      create: (object, signal) => inner.create(this.#counted(object), signal),
      update: (object, signal) => inner.update(this.#counted(object), signal),
      updateStatus: (object, signal) => inner.updateStatus(object, signal),
      patch: (key, patch, options, signal) => inner.patch(key, this.#counted(patch), options, signal),
      delete: (key, options, signal) => inner.delete(key, options, signal),
      watch: (options, signal) => inner.watch(options, signal),
    };
  }

  #counted<T>(body: T): T {
    const bytes = Buffer.byteLength(JSON.stringify(body));
    this.bytes += bytes;
    this.count += 1;
    this.largest = Math.max(this.largest, bytes);
    return body;
  }
}
