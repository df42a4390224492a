import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

import { request } from "undici";

import { freePort } from "../process/free-port.ts";
import { OwnedProcess } from "../process/owned-process.ts";
import { reapFolder } from "../process/reaper.ts";
import { findAwsEmulator } from "./source.ts";

const LAUNCH = join(import.meta.dirname, "launch.py");
const START_DEADLINE_MS = 60_000;
const CALL_DEADLINE_MS = 10_000;
const STOP_GRACE_MS = 10_000;
const POLL_MS = 100;
const TRIES = 3;

export interface EmulatorOptions {
  /** Twelve digits. */
  readonly accountId: string;
  readonly region: string;
  readonly log?: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** AWS on loopback: what ministack has of it. It ends with its owner at the latest. */
export interface AwsEmulator {
  /** Where all services answer, as http://127.0.0.1:PORT. */
  readonly url: string;
  readonly accountId: string;
  readonly region: string;
  /** What an AWS SDK in another process needs in order to come here, as the account's root. */
  readonly env: Readonly<Record<string, string>>;
  /** The same for clients in this process. */
  readonly access: {
    readonly endpoint: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  /** The port of the MQTT broker (TLS with client certificates) on 127.0.0.1. */
  readonly mqttPort: number;
  /** The CA that the broker's certificate is of, as PEM. */
  brokerCa(): Promise<string>;
  /** What stands in place of `https://{id}.execute-api.{region}.amazonaws.com` before `/{stage}`, `_user_request_` behind it. */
  restApi(id: string, stage: string): string;
  /** The last lines that it wrote. */
  log(): readonly string[];
  /** SIGTERM, waits for its end, and removes what it kept. */
  stop(): Promise<void>;
}

/**
 * Starts ministack, with IAM and IoT policies enforced, and waits until HTTP and MQTT are listened to.
 * @throws Error when it cannot be installed (findAwsEmulator) or is not ready within a minute, with its last words
 */
export async function startAwsEmulator(options: EmulatorOptions): Promise<AwsEmulator> {
  const python = await findAwsEmulator(options);
  for (let attempt = 1; ; attempt += 1) {
    const folder = await mkdtemp(join(tmpdir(), "certferry-aws-"));
    reapFolder(folder);
    const ports = { http: await freePort(), mqtt: await freePort() };
    const secret = randomBytes(20).toString("hex");
    const child = await OwnedProcess.start({
      command: python,
      args: [LAUNCH],
      cwd: folder,
      env: await emulatorEnv(options, folder, ports, secret),
    });
    try {
      const url = `http://127.0.0.1:${ports.http}`;
      await ready(child, url, options.signal);
      return running(child, folder, { ...options, url, mqttPort: ports.mqtt, secret });
    } catch (error) {
      await child.kill();
      await rm(folder, { recursive: true, force: true });
      // A port that was free when it was chosen may be taken by the time it is listened on.
      const taken = error instanceof Error && /in use|failed to bind/.test(error.message);
      if (!taken || attempt === TRIES) throw error;
    }
  }
}

interface Settings {
  readonly accountId: string;
  readonly region: string;
  readonly url: string;
  readonly mqttPort: number;
  readonly secret: string;
}

function running(child: OwnedProcess, folder: string, settings: Settings): AwsEmulator {
  const { accountId, region, url, mqttPort, secret } = settings;
  return {
    url,
    accountId,
    region,
    mqttPort,
    access: { endpoint: url, credentials: { accessKeyId: accountId, secretAccessKey: secret } },
    env: {
      AWS_ENDPOINT_URL: url,
      AWS_ACCESS_KEY_ID: accountId,
      AWS_SECRET_ACCESS_KEY: secret,
      AWS_REGION: region,
      AWS_EC2_METADATA_DISABLED: "true",
    },
    async brokerCa() {
      const answer = await request(`${url}/_ministack/iot/ca.pem`, {
        signal: AbortSignal.timeout(CALL_DEADLINE_MS),
      });
      if (answer.statusCode !== 200)
        throw new Error(`the broker's CA is not to be had: ${answer.statusCode}`);
      return await answer.body.text();
    },
    restApi: (id, stage) => `${url}/restapis/${id}/${stage}/_user_request_`,
    log: () => [...child.tail("stdout"), ...child.tail("stderr")],
    async stop() {
      await child.stop(STOP_GRACE_MS);
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Nothing of the caller's own AWS settings reaches it, and all that it writes stays in its folder. */
async function emulatorEnv(
  options: EmulatorOptions,
  folder: string,
  ports: { http: number; mqtt: number },
  secret: string,
): Promise<NodeJS.ProcessEnv> {
  const temporary = join(folder, "tmp");
  await mkdir(temporary);
  // Its Lambda workers are CommonJS in files that a package.json in any folder above could call modules.
  await writeFile(join(temporary, "package.json"), "{}");
  return {
    // Its Lambda runs `node` of the PATH; that is to be the one that runs us.
    PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
    HOME: folder,
    TMPDIR: temporary,
    LANG: "C.UTF-8",
    BIND_HOST: "127.0.0.1",
    GATEWAY_PORT: String(ports.http),
    IOT_MTLS_PORT: String(ports.mqtt),
    // Its default account and region; those of a call are taken from its signature.
    MINISTACK_ACCOUNT_ID: options.accountId,
    MINISTACK_REGION: options.region,
    AUTH: "true",
    AWS_SECRET_ACCESS_KEY: secret,
    STATE_DIR: join(folder, "state"),
    S3_DATA_DIR: join(folder, "s3"),
    PYTHONUNBUFFERED: "1",
  };
}

async function ready(child: OwnedProcess, url: string, signal?: AbortSignal): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (;;) {
    signal?.throwIfAborted();
    if (child.ending !== undefined || Date.now() > deadline) {
      const why = child.ending === undefined ? `not within ${START_DEADLINE_MS / 1000} s` : "it ended first";
      throw new Error(`the AWS emulator did not become ready: ${why}. ${lastWords(child)}`);
    }
    const answer = await request(`${url}/_ministack/ready`, {
      signal: AbortSignal.timeout(CALL_DEADLINE_MS),
    }).catch(() => undefined);
    if (answer?.statusCode === 200) {
      const { iot_mtls: broker } = (await answer.body.json()) as { iot_mtls?: string };
      if (broker === "listening") return;
      throw new Error(`the AWS emulator has no MQTT broker (${broker ?? "unknown"}): ${lastWords(child)}`);
    }
    await answer?.body.dump();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function lastWords(child: OwnedProcess): string {
  return `It last wrote:\n  ${[...child.tail("stdout"), ...child.tail("stderr")].slice(-20).join("\n  ")}`;
}
