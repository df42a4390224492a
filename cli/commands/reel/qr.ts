import { writeFile } from "node:fs/promises";
import { renderSVG, renderUnicodeCompact } from "uqr";
import { batchIdFrom, labelLink } from "../../../desk/batch-id.ts";
import type { Context } from "../../context.ts";
import { CliError, EXIT, type ExitCode } from "../../exit.ts";

export interface ReelQrOptions {
  /** Scheme and host of a console of one's own. */
  readonly url?: string;
  readonly format?: "text" | "svg" | "link";
  /** A file for an SVG. */
  readonly out?: string;
}

/** The QR code of a reel: on the terminal, or as SVG. No cluster is asked. */
export async function reelQr({ io }: Context, given: string, options: ReelQrOptions): Promise<ExitCode> {
  const batchId = batchIdFrom(given);
  const link = labelLink(batchId, options.url);
  const { out } = options;
  const format = options.format ?? (out === undefined ? "text" : "svg");
  // Labels are rubbed and soiled: a quarter of the code may be unreadable.
  const code = { ecc: "Q", border: 4 } as const;
  const text = {
    text: () => `${renderUnicodeCompact(link, { ...code, border: 2 })}\n${batchId}  ${link}\n`,
    svg: () => `${renderSVG(link, code)}\n`,
    link: () => `${link}\n`,
  }[format]();
  if (out === undefined) {
    await io.stdout.write(text);
    return EXIT.ok;
  }
  try {
    await writeFile(out, text, { flag: "wx" });
    await io.stderr.write(`${out} written: ${link}\n`);
  } catch (error) {
    if (!(error instanceof Error && Reflect.get(error, "code") === "EEXIST")) throw error;
    throw new CliError(EXIT.refused, `${out} is there already`, "Give another --out, or remove it");
  }
  return EXIT.ok;
}
