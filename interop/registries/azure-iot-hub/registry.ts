import { Agent, type Dispatcher } from "undici";
import { DEFAULT_TOPIC } from "../../protocol/messages.ts";
import { deviceNames } from "../names.ts";
import type { Registry } from "../port.ts";
import { type Clock, systemClock } from "./clock.ts";
import { deprovisionEntry, takeOut } from "./deprovision.ts";
import { createHub } from "./hub.ts";
import { DEVICE_NAME, FIELD_DEVICE_NAME, HUB_HOST_NAME } from "./names.ts";
import { createPace } from "./pace.ts";
import { createPatience } from "./patience.ts";
import { letIn, provisionEntry } from "./provision.ts";
import type { Reading } from "./read-device.ts";
import type { Work } from "./work.ts";
import { readAll, statusEntry } from "./status.ts";
import { createHubTokens, type TokenCredential } from "./token.ts";
import { gather } from "./wanted.ts";

/** Takes what the registry has to say to its operator; a pino logger fits. */
export interface RegistryLog {
  error(fields: object, message: string): void;
}

export interface AzureIotHubOptions {
  /** Host name of the hub, as in `contoso.azure-devices.net`; also where devices connect to. */
  host: string;
  /** Who calls: a managed identity with the role "IoT Hub Registry Contributor" on the hub, and with `twins` more. */
  credential: TokenCredential;
  /** How devices are named, such as `<batch>-<fingerprint>`; the field's `<serial>` unless told. */
  names?: string;
  /** Goes into answers; the field's unless told. */
  topic?: string;
  /**
   * Use device twins: each device's tags get its batch (`tags.certferry.batch`), and devices are read by a
   * quota sixty times as wide. Needs a standard tier and the rights `twins/read` and `twins/write` besides
   * those of the registry. Default: false.
   */
  twins?: boolean;
  /**
   * Ceilings in calls a second; none unless given, for the hub says itself when it has had enough. Its quotas
   * ("IoT Hub quotas and throttling", learn.microsoft.com, June 2024): identity registry 100 a minute and
   * unit (F1, B1, S1, B2, S2) or 5,000 (B3, S3); twin reads 100 a second (S1), updates 50. Whether a bulk
   * counts as one call or as its devices is not documented.
   */
  callsPerSecond?: { identity?: number; twin?: number };
  /** For one request to the hub, in milliseconds; 10 s unless given. */
  requestTimeoutMs?: number;
  /** How often one thing is tried in one call; five times unless given. */
  attempts?: number;
  /** A pause that the hub asks for is kept up to this many milliseconds; 15 s unless given. */
  patienceMs?: number;
  /** Public Azure's unless given. */
  tokenScope?: string;
  dispatcher?: Dispatcher;
  clock?: Clock;
  log?: RegistryLog;
}

/** Scope of tokens for the service API of any hub ("Control access to IoT Hub by using Microsoft Entra ID"). */
const TOKEN_SCOPE = "https://iothubs.azure.net/.default";

const PARALLEL = 16;
const PARALLEL_BULKS = 4;
const FIRST_WAIT_MS = 500;

/**
 * Devices as identities of an Azure IoT Hub, by its REST API: created in bulks of a hundred, let in by the
 * SHA-256 thumbprint of their certificate.
 * @throws RangeError the host is no hub's; NameTemplateError
 */
export function createAzureIotHubRegistry(options: AzureIotHubOptions): Required<Registry> {
  const { topic = DEFAULT_TOPIC, clock = systemClock, patienceMs = 15_000, twins = false } = options;
  const endpoint = options.host.toLowerCase();
  if (!HUB_HOST_NAME.test(endpoint)) {
    throw new RangeError(
      `${JSON.stringify(options.host)} is no IoT Hub's host name: it must look like contoso.azure-devices.net`,
    );
  }
  const names = deviceNames(options.names ?? FIELD_DEVICE_NAME, DEVICE_NAME);
  const pace = (perSecond: number | undefined) => createPace({ clock, perSecond, patienceMs });
  const work: Work = {
    clock,
    twins,
    parallel: PARALLEL,
    parallelBulks: PARALLEL_BULKS,
    patience: () =>
      createPatience({
        clock,
        attempts: options.attempts ?? 5,
        firstWaitMs: FIRST_WAIT_MS,
        patienceMs,
      }),
    hub: createHub({
      host: endpoint,
      clock,
      tokens: createHubTokens(options.credential, options.tokenScope ?? TOKEN_SCOPE, clock),
      dispatcher: options.dispatcher ?? hubConnections(),
      requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
      paces: { identity: pace(options.callsPerSecond?.identity), twin: pace(options.callsPerSecond?.twin) },
    }),
  };

  /** One line for each call that left something undone: which of the hub's errors, and how often. */
  function tell(action: string, ends: Iterable<End>): void {
    const reasons: Record<string, number> = {};
    for (const end of ends) {
      if (!("ending" in end)) continue;
      const reason = end.ending === "OutOfTime" ? end.ending : end.ending.reason;
      reasons[reason] = (reasons[reason] ?? 0) + 1;
    }
    if (Object.keys(reasons).length > 0)
      options.log?.error({ action, reasons }, "IoT Hub left devices undone");
  }

  return {
    flavor: "azure",
    distinctNames: names.distinct,
    async provision(certificates, call) {
      const { wanted, of } = gather(certificates, names.name, call.batch);
      const settled = await letIn(work, wanted, call);
      tell("provision", settled.values());
      return certificates.map((each) => provisionEntry(each, of.get(each), settled, { endpoint, topic }));
    },
    async status(certificates, call) {
      const { wanted, of } = gather(certificates, names.name, call.batch);
      const readings = await readAll(work, wanted, call.signal);
      tell("status", readings.values());
      return certificates.map((each) => statusEntry(each, of.get(each), readings));
    },
    async deprovision(certificates, call) {
      const { wanted, of } = gather(certificates, names.name, call.batch);
      const out = await takeOut(work, wanted, call);
      tell("deprovision", out.values());
      return certificates.map((each) => deprovisionEntry(each, of.get(each), out));
    },
    endpoint: () => Promise.resolve(endpoint),
  };
}

/** How the matter of a device ended, whatever was asked. */
type End = Reading | { held: readonly string[] } | { removed: readonly string[] };

/** Connections are kept: a Function's process lives for many requests. */
function hubConnections(): Dispatcher {
  return new Agent({ connections: PARALLEL, allowH2: false, connect: { timeout: 5000 } });
}
