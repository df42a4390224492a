import { field } from "../../desk/manifests/cloud-id-csv.ts";
import type { DeviceLine, Standing } from "../../desk/devices/truth.ts";
import type { Io } from "../io.ts";
import { type Colour, paintFor } from "./colour.ts";
import { type Column, tableLines } from "./table.ts";

export const DEVICE_FORMATS = ["wide", "json", "jsonl", "csv", "name"] as const;
export type DeviceFormat = (typeof DEVICE_FORMATS)[number];

/** Takes lines one by one. */
export interface LineWriter {
  line(line: DeviceLine): Promise<void>;
  /** @returns how many there were */
  end(): Promise<number>;
}

const CSV: readonly (keyof DeviceLine)[] = [
  "device",
  "cloud",
  "state",
  "reason",
  "serial",
  "expires",
  "row",
  "message",
];

/** Lines are written as they come, whatever their number, in pieces of some kilobytes. */
export function deviceWriter(format: DeviceFormat | undefined, io: Io): LineWriter {
  const { stdout } = io;
  let lines = 0;
  let text = format === "csv" ? `${CSV.join(",")}\n` : "";
  const push = async (more: string): Promise<void> => {
    text += more;
    lines += 1;
    if (text.length < 16_384) return;
    const piece = text;
    text = "";
    await stdout.write(piece);
  };
  const close = async (tail = ""): Promise<number> => {
    await stdout.write(text + tail);
    return lines;
  };
  const json: LineWriter = {
    line: (line) => push(`${lines === 0 ? "[\n" : ",\n"}${JSON.stringify(line)}`),
    end: () => close(lines === 0 ? "[]\n" : "\n]\n"),
  };
  switch (format) {
    case "json":
      return json;
    case "jsonl":
      return { line: (line) => push(`${JSON.stringify(line)}\n`), end: () => close() };
    case "csv":
      return {
        line: (line) => push(`${CSV.map((name) => field(String(line[name] ?? ""))).join(",")}\n`),
        end: () => close(),
      };
    case "name":
      return { line: ({ device }) => push(`${device}\n`), end: () => close() };
    case "wide":
    case undefined:
    default:
      return tableWriter(format === "wide", io);
  }
}

const COLOURS: Partial<Record<Standing, Colour>> = {
  Provisioned: "green",
  Failed: "red",
  Quarantined: "yellow",
  Pending: "cyan",
};
/** Columns are as wide as these first lines need; what is wider later stands out by a little. */
const FIRST = 200;

function tableWriter(wide: boolean, io: Io): LineWriter {
  const { stdout } = io;
  const paint = paintFor(stdout, io);
  const columns: Column<DeviceLine>[] = [
    { title: "DEVICE", of: ({ device }) => device || "-" },
    { title: "CLOUD", of: ({ cloud }) => cloud || "-" },
    { title: "STATE", of: ({ state }) => state },
    { title: "REASON", of: ({ reason = "-" }) => reason },
    ...(wide
      ? [
          { title: "SERIAL", of: ({ serial = "-" }: DeviceLine) => serial },
          { title: "EXPIRES", of: ({ expires = "-" }: DeviceLine) => expires },
          { title: "ROW", of: ({ row }: DeviceLine) => String(row) },
          { title: "MESSAGE", of: ({ message = "-" }: DeviceLine) => message, shrinksTo: 20 },
        ]
      : []),
  ];
  let held: DeviceLine[] = [];
  let widths: number[] | undefined;
  let lines = 0;
  const flush = async (): Promise<void> => {
    if (held.length === 0) return;
    const first = widths === undefined;
    widths ??= columns.map(({ title, of }) => Math.max(title.length, ...held.map((line) => of(line).length)));
    const fixed = columns.map(({ title, of, shrinksTo }, at): Column<DeviceLine> => {
      const padded = title.padEnd(widths?.[at] ?? 0);
      return shrinksTo === undefined ? { title: padded, of } : { title: padded, of, shrinksTo };
    });
    const { header, rows } = tableLines(fixed, held, stdout.columns);
    const painted = rows.map((row, at) => {
      const state = held[at]?.state ?? "Pending";
      const colour = COLOURS[state];
      return colour === undefined ? row : row.replace(` ${state}`, () => ` ${paint(colour, state)}`);
    });
    held = [];
    await stdout.write(`${[...(first ? [paint("bold", header.trimEnd())] : []), ...painted].join("\n")}\n`);
  };
  return {
    line: async (line) => {
      held.push(line);
      lines += 1;
      if (held.length >= FIRST) await flush();
    },
    end: async () => {
      await flush();
      return lines;
    },
  };
}
