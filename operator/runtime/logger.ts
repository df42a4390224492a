import { levels, pino } from "pino";
import type { DestinationStream, Level, Logger, LogFn } from "pino";

export type { Logger } from "pino";

/** The levels that {@link createLogger} takes, the quietest first. */
export const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;

export type LogLevel = Level | "silent";

/**
 * The level of a logger and of all its children, which may be changed while they are in use: pino's own level is
 * copied into a child when that is made.
 */
export class LevelSwitch {
  #level: LogLevel;

  constructor(level: LogLevel) {
    this.#level = level;
  }

  get level(): LogLevel {
    return this.#level;
  }

  set(level: LogLevel): void {
    this.#level = level;
  }

  /** Whether a line of this level, as pino numbers it, is written at present. */
  lets(number: number): boolean {
    return number >= (levels.values[this.#level] ?? Infinity);
  }
}

/** Whether a word is the name of a level. */
export function isLogLevel(word: string): word is LogLevel {
  return LOG_LEVELS.some((level) => level === word);
}

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
 * @param options a level that stays, or a switch that is asked at each line
 * @param destination where the lines go; the standard output by default
 */
export function createLogger(
  options: { level?: LogLevel | LevelSwitch; app?: string } = {},
  destination?: DestinationStream,
): Logger {
  const { level = "info" } = options;
  const settings = {
    ...(typeof level === "string" ? { level } : { level: "trace", hooks: { logMethod: obeying(level) } }),
    base: options.app === undefined ? null : { app: options.app },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError, error: describeError },
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: "[redacted]" },
  };
  return destination === undefined ? pino(settings) : pino(settings, destination);
}

/** Drops a line before anything is made of it when its level is not wanted at present. */
function obeying(wanted: LevelSwitch) {
  return function write(this: Logger, args: Parameters<LogFn>, method: LogFn, level: number): void {
    if (wanted.lets(level)) method.apply(this, args);
  };
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
