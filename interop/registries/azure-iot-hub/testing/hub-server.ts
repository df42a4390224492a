import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Agent, buildConnector, type Dispatcher } from "undici";
import { issueServerCertificate } from "../../../../tools/factory/index.ts";
import { hubError } from "../error-codes.ts";
import { API_VERSION, bulkSchema, deviceSchema, twinPatchSchema } from "./contract.ts";
import { type Answer, read, refusal, throttled, Violation } from "./answers.ts";
import { createHubDevices, type HubDevices, twinView } from "./devices.ts";
import type { Fault, FaultPlan } from "./faults.ts";

export const HUB_HOST = "certferry-test.azure-devices.net";

/** An IoT Hub's service API on loopback, held to the specification in both directions. */
export interface HubServer {
  readonly devices: HubDevices;
  /** Leads HUB_HOST to this server, with its CA trusted. */
  readonly dispatcher: Dispatcher;
  readonly port: number;
  /** Whom to trust. */
  readonly ca: string;
  /** Bearer tokens that are good. */
  readonly tokens: Set<string>;
  /** Requests that broke the contract: none may. */
  readonly violations: string[];
  /** Requests so far, as `METHOD /path`. */
  readonly requests: string[];
  plan: FaultPlan;
  throttle: { identity?: Bucket | undefined; twin?: Bucket | undefined };
  /** A basic tier has no twins. */
  tier: "standard" | "basic";
  /** How a bulk with failures is answered, and its codes written: both are met with. */
  bulkFailure: { status: 200 | 400; codes: "digits" | "names" };
  /** Called after each change: to interfere between two requests. */
  onRequest: ((request: string) => void) | undefined;
  /**
   * Devices, tokens, plans and records as at the start.
   * @throws when a request broke the contract since the last time
   */
  reset(): void;
  close(): Promise<void>;
}

interface Bucket {
  take(): number;
}

const PATH = /^\/(devices|twins)(?:\/([^/]+))?$/;

export async function startHubServer(): Promise<HubServer> {
  const certificate = await issueServerCertificate({ hosts: [HUB_HOST] });
  const devices = createHubDevices();
  const server = createServer({ key: certificate.keyPem, cert: certificate.certPem }, (request, response) => {
    void serve(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const connect = buildConnector({ ca: certificate.caPem, allowH2: false });
  const dispatcher = new Agent({
    allowH2: false,
    connections: 16,
    connect: (target, callback) =>
      connect(
        { ...target, hostname: "127.0.0.1", port: String(port), servername: target.hostname },
        callback,
      ),
  });

  const hub: HubServer = {
    devices,
    dispatcher,
    port,
    ca: certificate.caPem,
    tokens: new Set(["good"]),
    violations: [],
    requests: [],
    plan: () => undefined,
    throttle: {},
    tier: "standard",
    bulkFailure: { status: 400, codes: "digits" },
    onRequest: undefined,
    reset() {
      devices.clear();
      hub.tokens.clear();
      hub.tokens.add("good");
      const violations = hub.violations.splice(0);
      hub.requests.length = 0;
      hub.plan = () => undefined;
      hub.throttle = {};
      hub.tier = "standard";
      hub.bulkFailure = { status: 400, codes: "digits" };
      hub.onRequest = undefined;
      if (violations.length > 0) throw new Error(`against the contract: ${violations.join("\n")}`);
    },
    async close() {
      await dispatcher.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const url = new URL(request.url ?? "/", `https://${HUB_HOST}`);
    const method = request.method ?? "";
    hub.requests.push(`${method} ${url.pathname}`);
    hub.onRequest?.(`${method} ${url.pathname}`);
    const body = Buffer.concat(chunks).toString("utf8");
    const fault = hub.plan({ method, path: url.pathname, body });
    if (fault?.kind === "silent") return;
    if (fault?.kind === "cut" && fault.when === "before") return void request.socket.destroy();
    let answer: Answer;
    try {
      answer = answerTo(request, url, body, fault);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      hub.violations.push(`${method} ${url.pathname}: ${error.message}`);
      answer = refusal(400, 400006);
    }
    if (fault?.kind === "cut") return void request.socket.destroy();
    const text = answer.body === undefined ? "" : JSON.stringify(answer.body);
    response.writeHead(answer.status, {
      "content-type": "application/json; charset=utf-8",
      ...answer.headers,
    });
    response.end(fault?.kind === "half-json" ? text.slice(0, text.length / 2) : text);
  }

  function answerTo(request: IncomingMessage, url: URL, text: string, fault: Fault | undefined): Answer {
    const [, room, encoded] = PATH.exec(url.pathname) ?? [];
    if (room === undefined) throw new Violation("no such path");
    if (url.search !== `?api-version=${API_VERSION}`) throw new Violation(`query ${url.search}`);
    const [, token] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "") ?? [];
    if (token === undefined || !hub.tokens.has(token)) return refusal(401, 401002);
    if (fault?.kind === "refuse") return refusal(fault.status, fault.code, fault);
    const wait = (room === "twins" ? hub.throttle.twin : hub.throttle.identity)?.take() ?? 0;
    if (wait > 0) return throttled(wait);
    if (room === "twins" && hub.tier === "basic") return refusal(403, 403010);

    const name = encoded === undefined ? undefined : decodeURIComponent(encoded);
    const { method } = request;
    if (method === "GET") {
      if (name === undefined || text !== "") throw new Violation("GET wants a name and no body");
      const held = devices.get(name);
      if (held === undefined || (room === "twins" && held.twin === undefined)) return refusal(404, 404001);
      return { status: 200, body: room === "twins" ? twinView(held) : held.identity };
    }
    if (!(request.headers["content-type"] ?? "").startsWith("application/json")) {
      throw new Violation("content-type is not JSON");
    }
    const body: unknown = JSON.parse(text);
    if (method === "POST" && room === "devices" && name === undefined) return bulk(body, fault);
    if (name === undefined) throw new Violation(`${method ?? ""} wants a name`);
    const [, ifMatch] = /^"([^"*]+)"$/.exec(request.headers["if-match"] ?? "") ?? [];
    if (ifMatch === undefined) throw new Violation("a change without If-Match could be somebody else's loss");
    if (method === "PUT" && room === "devices") {
      const device = read(deviceSchema, body);
      if (device.deviceId !== name) throw new Violation("deviceId is not the name in the path");
      const held = devices.update(device, ifMatch);
      return typeof held === "number"
        ? refusal(Math.floor(held / 1000), held)
        : { status: 200, body: held.identity };
    }
    if (method === "PATCH" && room === "twins") {
      const held = devices.tag(name, read(twinPatchSchema, body).tags ?? {}, ifMatch);
      return typeof held === "number"
        ? refusal(Math.floor(held / 1000), held)
        : { status: 200, body: twinView(held) };
    }
    throw new Violation("no such operation");
  }

  function bulk(body: unknown, fault: Fault | undefined): Answer {
    const operations = read(bulkSchema, body);
    const names = operations.map(({ id }) => id);
    const twice = names.find((id, index) => names.indexOf(id) !== index);
    if (twice !== undefined) throw new Violation(`${twice} is twice in one bulk`);
    if (fault?.kind === "devices" && Math.floor(fault.code / 1000) === 400) {
      // Fault is found with the request before anything is done.
      const atFault = names.filter((_, index) => fault.places(index));
      if (atFault.length > 0) return bulkAnswer(atFault.map((id) => [id, fault.code]));
    }
    const errors: [string, number][] = [];
    for (const [index, operation] of operations.entries()) {
      const failing = fault?.kind === "devices" && fault.places(index);
      const code = failing ? fault.code : devices.apply(operation);
      if (code !== undefined) errors.push([operation.id, code]);
      else if (fault?.kind === "no-twin" && operation.importMode === "create") {
        devices.put(operation.id, { twin: false });
      }
    }
    if (fault?.kind === "unsaid") return { status: 400, body: { isSuccessful: false, errors: [] } };
    const warnings = fault?.kind === "no-twin" ? names : [];
    return bulkAnswer(errors, warnings);
  }

  function bulkAnswer(
    errors: readonly (readonly [string, number])[],
    warnings: readonly string[] = [],
  ): Answer {
    const inNames = hub.bulkFailure.codes === "names";
    return {
      status: errors.length === 0 ? 200 : hub.bulkFailure.status,
      body: {
        isSuccessful: errors.length === 0,
        errors: errors.map(([deviceId, code]) => ({
          deviceId,
          errorCode: inNames ? (hubError(code)?.name ?? code) : code,
          errorStatus: "as the service words it",
        })),
        warnings: warnings.map((deviceId) => ({ deviceId, warningCode: "DeviceRegisteredWithoutTwin" })),
      },
    };
  }

  return hub;
}
