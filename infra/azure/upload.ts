import { setTimeout as sleep } from "node:timers/promises";
import type { Token } from "./tokens.ts";

/** The name under which the Flex Consumption plan looks for a package in its container; no other is found. */
export const PACKAGE_NAME = "released-package.zip";

/** A role that was assigned a moment ago counts everywhere after up to ten minutes (Azure RBAC, troubleshooting). */
const PATIENCE_MS = 10 * 60_000;
const REQUEST_DEADLINE_MS = 60_000;
const PAUSE_MS = 10_000;

/** How long to go on, for tests that cannot wait. */
export interface Patience {
  readonly patienceMs?: number;
  readonly pauseMs?: number;
}

/** The package did not get into its container; the message says how far it came and holds no answer's body. */
export class UploadFailed extends Error {
  override readonly name = "UploadFailed";
}

/**
 * Writes the package into its container, as the one whose token it is. Tried again while a fresh role does not
 * count yet, and while storage is busy.
 * @param containerUrl as `functionAppConfig.deployment.storage.value` has it
 * @throws UploadFailed
 */
export async function uploadPackage(
  containerUrl: string,
  content: Uint8Array,
  token: Token,
  patience: Patience = {},
): Promise<void> {
  const answer = await persistently(`${containerUrl}/${PACKAGE_NAME}`, patience, async (url, signal) => {
    const headers = {
      Authorization: `Bearer ${await token()}`,
      "Content-Type": "application/zip",
      "x-ms-blob-type": "BlockBlob",
      // Tokens are taken from 2017-11-09 on.
      "x-ms-version": "2023-11-03",
    };
    return await fetch(url, { method: "PUT", headers, body: content, redirect: "error", signal });
  });
  if (answer === undefined) return;
  throw new UploadFailed(
    `the function's package could not be written to ${containerUrl}: ${answer}. Who runs Pulumi needs the role Storage Blob Data Contributor there; run pulumi up again`,
  );
}

/** Azure Resource Manager of the cloud that a Function App's host name belongs to. */
export function managementOf(hostName: string): string {
  if (hostName.endsWith(".azurewebsites.us")) return "https://management.usgovcloudapi.net";
  if (hostName.endsWith(".chinacloudsites.cn")) return "https://management.chinacloudapi.cn";
  return "https://management.azure.com";
}

/**
 * Tells the platform to look at what the app's package answers to, which it does not do by itself for packages
 * that were written into the container ("Trigger syncing", Deployment technologies in Azure Functions).
 * @param app the Function App's resource ID
 * @throws UploadFailed
 */
export async function syncTriggers(
  management: string,
  app: string,
  token: Token,
  patience: Patience = {},
): Promise<void> {
  const url = `${management}${app}/syncfunctiontriggers?api-version=2024-04-01`;
  const answer = await persistently(url, { patienceMs: 2 * 60_000, ...patience }, async (to, signal) => {
    const headers = { Authorization: `Bearer ${await token()}` };
    return await fetch(to, { method: "POST", headers, redirect: "error", signal });
  });
  if (answer === undefined) return;
  throw new UploadFailed(
    `Azure was not told of the function's routes: ${answer}. If the app answers 404, deploy it by hand (docs/product-clouds.md)`,
  );
}

/** Asks until the answer is a success, or until waiting is of no use. Returns nothing, or how it ended. */
async function persistently(
  url: string,
  { patienceMs = PATIENCE_MS, pauseMs = PAUSE_MS }: Patience,
  ask: (url: string, signal: AbortSignal) => Promise<Response>,
): Promise<string | undefined> {
  const until = Date.now() + patienceMs;
  for (;;) {
    const { last, again } = await attempt(url, ask);
    if (last === undefined || !again || Date.now() + pauseMs > until) return last;
    await sleep(pauseMs);
  }
}

async function attempt(
  url: string,
  ask: (url: string, signal: AbortSignal) => Promise<Response>,
): Promise<{ last: string | undefined; again: boolean }> {
  try {
    const response = await ask(url, AbortSignal.timeout(REQUEST_DEADLINE_MS));
    await response.body?.cancel();
    if (response.ok) return { last: undefined, again: false };
    const code = response.headers.get("x-ms-error-code");
    const last = `HTTP ${response.status}${code === null ? "" : ` (${code})`}`;
    return { last, again: [403, 404, 408, 409, 429].includes(response.status) || response.status >= 500 };
  } catch (error) {
    const { cause } = error instanceof Error ? error : { cause: undefined };
    return { last: cause instanceof Error ? cause.message : String(error), again: true };
  }
}
