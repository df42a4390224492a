import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { getRequestListener } from "@hono/node-server";
import { createCallee } from "../../../interop/callee/app.ts";
import type { Capability } from "../../../interop/protocol/capabilities.ts";
import {
  createMemoryRegistry,
  type MemoryRegistry,
  type MemoryRegistryOptions,
} from "../../../interop/registries/memory.ts";
import type { Registry } from "../../../interop/registries/port.ts";
import { generateSigningKey, publicJwks, type SigningKey } from "../../../interop/trust/signing-key.ts";
import { authorizer, type Credentials } from "../credentials.ts";
import { Exchange } from "../exchange.ts";
import { type Outcome, runChecks, type RunOptions } from "../run.ts";
import { type Sample, Samples } from "../samples.ts";
import { Subject } from "../subject.ts";

export const AUDIENCE = "123456789012";

export type Answer = (request: Request) => Response | Promise<Response>;

/** What stands before a callee, and makes it another. */
export type Wrap = (callee: Answer, own: { key: SigningKey; good: () => Promise<string> }) => Answer;

export interface TestCallee {
  readonly url: string;
  readonly credentials: Credentials;
  readonly registry: MemoryRegistry;
  readonly key: SigningKey;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface CalleeSetup extends Partial<MemoryRegistryOptions> {
  readonly capabilities?: readonly Capability[];
  /** Replaces what the registry does. */
  readonly change?: (registry: MemoryRegistry) => Partial<Registry>;
  readonly wrap?: Wrap;
  readonly basic?: { username: string; password: string };
  readonly now?: () => number;
}

/** Certferry's own callee, or one made wrong, on loopback. */
export async function startCallee(setup: CalleeSetup = {}): Promise<TestCallee> {
  const { capabilities, change, wrap, basic, now, ...options } = setup;
  const registry = createMemoryRegistry({
    flavor: "aws",
    endpoint: "devices.example",
    policy: "Device",
    ...options,
  });
  const key = await generateSigningKey();
  const auth =
    basic === undefined
      ? { kind: "bearer" as const, keys: publicJwks([key]), audience: AUDIENCE }
      : { kind: "basic" as const, ...basic };
  const app = createCallee({
    registry: { ...registry, ...change?.(registry) },
    auth,
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(now === undefined ? {} : { now }),
  });
  const credentials: Credentials =
    basic === undefined ? { kind: "bearer", key, audience: AUDIENCE } : { kind: "basic", ...basic };
  const callee: Answer = (request) => app.fetch(request);
  const answer = wrap === undefined ? callee : wrap(callee, { key, good: authorizer(credentials) });
  const listener = getRequestListener((request) => answer(request), { overrideGlobalObjects: false });
  const server = createServer(
    (request, response) => void listener(request, response).catch(() => response.destroy()),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/interop`,
    credentials,
    registry,
    key,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface CheckSetup extends Partial<Omit<RunOptions, "onResult" | "onNote">> {
  readonly credentials?: Credentials;
  readonly given?: readonly Sample[];
  readonly timeoutMs?: number;
}

/** Holds a callee against the checks, without much patience. */
export async function check(
  callee: Pick<TestCallee, "url" | "credentials">,
  setup: CheckSetup = {},
): Promise<Outcome & { notes: string[] }> {
  const signal = new AbortController().signal;
  const wait = async (ms: number): Promise<void> => sleep(ms, undefined, { signal });
  const { url } = callee;
  const exchange = new Exchange({ url, timeoutMs: setup.timeoutMs ?? 20_000, signal, wait });
  const subject = new Subject({
    url,
    credentials: setup.credentials ?? callee.credentials,
    exchange,
    samples: new Samples(setup.given ?? []),
    patience: { tries: 3, waitMs: 5 },
    signal,
    wait,
  });
  const notes: string[] = [];
  try {
    const outcome = await runChecks(subject, {
      readOnly: setup.readOnly ?? false,
      only: setup.only ?? [],
      stop: setup.stop ?? signal,
      onResult: () => undefined,
      onNote: (text) => notes.push(text),
    });
    return { ...outcome, notes };
  } finally {
    await exchange.close();
  }
}

/** The checks with this verdict; a failure with what came, so that a test that breaks says why. */
export function named({ results }: Outcome, verdict: Outcome["results"][number]["verdict"]): string[] {
  return results.filter((result) => result.verdict === verdict).map(({ name }) => name);
}
