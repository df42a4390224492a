import { IoTClient, type IoTClientConfig } from "@aws-sdk/client-iot";

export interface IotClientOptions {
  region?: string;
  /** Where AWS IoT is, if not at its own address: an emulator, a VPC endpoint. */
  endpoint?: string;
  credentials?: NonNullable<IoTClientConfig["credentials"]>;
  /** How many calls are under way at once. */
  connections: number;
  /** Of one call, the first included. */
  maxAttempts?: number;
  /** Until the connection stands. */
  connectTimeoutMs?: number;
  /** Until a call's answer is there. */
  requestTimeoutMs?: number;
}

/**
 * The SDK's client as the registry wants it: it slows down by itself when AWS throttles it, tries a call a few
 * times and no longer, and none hangs.
 */
export function createIotClient(options: IotClientOptions): IoTClient {
  const agent = { keepAlive: true, maxSockets: options.connections };
  return new IoTClient({
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    retryMode: "adaptive",
    maxAttempts: options.maxAttempts ?? 3,
    requestHandler: {
      connectionTimeout: options.connectTimeoutMs ?? 2000,
      requestTimeout: options.requestTimeoutMs ?? 5000,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
  });
}
