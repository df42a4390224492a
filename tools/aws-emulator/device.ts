import mqtt from "mqtt";
import type { MqttClient } from "mqtt";

import type { FactoryDevice } from "../factory/index.ts";
import type { AwsEmulator } from "./emulator.ts";

const ANSWER_WITHIN_MS = 10_000;

/** How the broker took something: it was done, or the broker closed the connection, which is how it refuses. */
export type Outcome = "done" | "refused";

/** A device that is connected. */
export interface DeviceSession {
  readonly connected: boolean;
  /** With QoS 1: done when the broker says so. */
  publish(topic: string, payload: string): Promise<Outcome>;
  subscribe(topic: string): Promise<Outcome>;
  /** The next message on a topic, or one that has come already. */
  received(topic: string): Promise<string>;
  end(): Promise<void>;
}

/**
 * Connects a device with its own key and certificate, as firmware does: MQTT 3.1.1 over TLS, to the broker that
 * the emulator's CA vouches for. It does not try again.
 * @throws Error when the broker is silent
 */
export async function connectDevice(
  emulator: AwsEmulator,
  device: Pick<FactoryDevice, "pem" | "privateKey">,
  clientId: string,
): Promise<DeviceSession | "refused"> {
  const client = mqtt.connect({
    protocol: "mqtts",
    host: "127.0.0.1",
    port: emulator.mqttPort,
    ca: await emulator.brokerCa(),
    cert: device.pem,
    key: device.privateKey.export({ type: "pkcs8", format: "pem" }),
    clientId,
    protocolVersion: 4,
    reconnectPeriod: 0,
    connectTimeout: ANSWER_WITHIN_MS,
  });
  // Whatever goes wrong, the connection closes.
  client.on("error", () => {});
  const connected = once(client, "connect");
  if ((await answer(client, connected, "the connection")) === "refused") {
    await client.endAsync(true);
    return "refused";
  }
  return new Session(client);
}

class Session implements DeviceSession {
  readonly #client: MqttClient;
  readonly #messages: { topic: string; payload: string }[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(client: MqttClient) {
    this.#client = client;
    client.on("message", (topic, payload) => {
      this.#messages.push({ topic, payload: payload.toString() });
      for (const look of this.#waiting) look();
    });
  }

  get connected(): boolean {
    return this.#client.connected;
  }

  async publish(topic: string, payload: string): Promise<Outcome> {
    return await answer(
      this.#client,
      this.#client.publishAsync(topic, payload, { qos: 1 }),
      `PUBLISH to ${topic}`,
    );
  }

  async subscribe(topic: string): Promise<Outcome> {
    return await answer(
      this.#client,
      this.#client.subscribeAsync(topic, { qos: 1 }),
      `SUBSCRIBE to ${topic}`,
    );
  }

  async received(topic: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const look = (): void => {
      const index = this.#messages.findIndex((message) => message.topic === topic);
      if (index >= 0) resolve(this.#messages.splice(index, 1)[0]?.payload ?? "");
    };
    const timer = setTimeout(() => reject(new Error(`nothing came on ${topic}`)), ANSWER_WITHIN_MS);
    this.#waiting.add(look);
    look();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(look);
    }
  }

  async end(): Promise<void> {
    await this.#client.endAsync(true);
  }
}

/** Whether the broker does it, or closes the connection. */
async function answer(client: MqttClient, work: Promise<unknown>, what: string): Promise<Outcome> {
  if (client.disconnected) return "refused";
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const closed = (): void => resolve("refused");
  client.once("close", closed);
  const timer = setTimeout(() => reject(new Error(`the broker did not answer to ${what}`)), ANSWER_WITHIN_MS);
  work.then(
    () => resolve("done"),
    () => resolve("refused"),
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    client.off("close", closed);
  }
}

async function once(client: MqttClient, event: "connect"): Promise<void> {
  await new Promise<void>((resolve) => client.once(event, () => resolve()));
}
