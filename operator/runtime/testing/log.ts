import { keepOutput } from "../../../tools/process/kept-output.ts";
import { createLogger } from "../logger.ts";
import type { Logger } from "../logger.ts";

/** A line as it was logged. */
export interface LogLine {
  level: string;
  msg: string;
  [member: string]: unknown;
}

/** A logger whose lines are kept, to be looked at. */
export function recordingLogger(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const log = createLogger(
    { level: "debug" },
    {
      write: (line) => {
        keepOutput(`recorded-${process.pid}`, line);
        lines.push(JSON.parse(line) as LogLine);
      },
    },
  );
  return { log, lines };
}
