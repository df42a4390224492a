import type { IncomingMessage } from "node:http";

import { isLogLevel, LOG_LEVELS } from "./logger.ts";
import type { LevelSwitch, Logger } from "./logger.ts";
import { TEXT } from "./web-server.ts";
import type { Answer } from "./web-server.ts";

/** Exactly these: an inbound proxy beside the process may come from another address of 127.0.0.0/8. */
const LOOPBACK = new Set(["127.0.0.1", "::1", "::ffff:127.0.0.1"]);
const MAX_BYTES = 64;

/**
 * Tells the log level (GET), or changes it until the process ends (PUT, the level's name as the body). Changing is
 * for those who reach the process from its own machine, as `kubectl port-forward` does: whoever may do that.
 */
export async function answerLogLevel(
  request: IncomingMessage,
  level: LevelSwitch,
  log: Logger,
): Promise<Answer> {
  const say = (status: number, body: string): Answer => ({ status, contentType: TEXT, body: `${body}\n` });
  if (request.method === "GET" || request.method === "HEAD") return say(200, level.level);
  if (request.method !== "PUT") return say(405, "GET tells the level, PUT changes it");
  if (!LOOPBACK.has(request.socket.remoteAddress ?? "")) {
    return say(403, "the level is changed from the pod itself only: go through kubectl port-forward");
  }
  const wanted = await readWord(request);
  if (wanted === undefined || !isLogLevel(wanted)) return say(400, `give one of ${LOG_LEVELS.join(", ")}`);
  const before = level.level;
  // Said at whichever of the two levels says more.
  log.warn({ before, now: wanted }, "the log level is being changed");
  level.set(wanted);
  if (wanted !== before) log.warn({ before, now: wanted }, "the log level has been changed");
  return say(200, wanted);
}

async function readWord(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8").trim().toLowerCase();
}
