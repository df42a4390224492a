import { keepOutput } from "../../../tools/process/kept-output.ts";
import { createLogger } from "../logger.ts";
import type { Logger } from "../logger.ts";

/** A line as it was logged. */
export interface LogLine {
  level: string;
  msg: string;
  [member: string]: unknown;
}

/** A logger whose lines nobody sees, but where a run of the tests searches them for secrets. @param of whose they are */
export function keptLogger(of: string): Logger {
  return createLogger({ level: "debug" }, { write: (line) => keepOutput(`${of}-${process.pid}`, line) });
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
