import { pino } from "pino";
import type { DestinationStream, Level, Logger } from "pino";

export type { Logger } from "pino";

/** The levels that {@link createLogger} takes, the quietest first. */
export const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;

export type LogLevel = Level | "silent";

/** Members that may hold a secret, by the names in use here; at the top and one level down. */
const SECRETS = [
  "authorization",
  "token",
  "password",
  "credentials",
  "privateKey",
  "headers",
  "body",
  "data",
];

/**
 * A logger of JSON lines: RFC 3339 times, levels as words, errors as `{type, message, reason, status, stack}`.
 * @param destination where the lines go; the standard output by default
 */
export function createLogger(
  options: { level?: LogLevel; name?: string } = {},
  destination?: DestinationStream,
): Logger {
  const settings = {
    level: options.level ?? "info",
    base: options.name === undefined ? null : { name: options.name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError, error: describeError },
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: "[redacted]" },
  };
  return destination === undefined ? pino(settings) : pino(settings, destination);
}

/** A logger that says nothing. */
export const silentLogger: Logger = pino({ level: "silent" });

/** How an error is logged: what it says and where from, but not the foreign members that libraries hang on it. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return isDescribed(error) ? error : { message: String(error) };
  const described: Record<string, unknown> = { type: error.name, message: error.message };
  for (const member of ["reason", "status", "code"] as const) {
    const value: unknown = Reflect.get(error, member);
    if (typeof value === "string" || typeof value === "number") described[member] = value;
  }
  if (error.cause instanceof Error) described["cause"] = error.cause.message;
  if (error.stack !== undefined) described["stack"] = error.stack;
  return described;
}

function isDescribed(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" && value !== null && "message" in value && typeof value.message === "string"
  );
}
