import type { EntryCode } from "../../protocol/refusals.ts";
import type { NameMaker } from "../names.ts";
import type { CheckedCertificate } from "../port.ts";
import { entryCode } from "./error-codes.ts";
import type { Ending } from "./work.ts";

/** One device of the hub, and the certificates of a request that make its name. */
export interface Wanted {
  readonly name: string;
  /** Thumbprints in the order of the request, each once; rarely more than one. */
  readonly thumbprints: [string, ...string[]];
}

/**
 * Gathers the certificates of a request by the device that they are for.
 * @returns the devices in the order of the request; and by certificate its device, if it makes a name
 */
export function gather(
  certificates: readonly CheckedCertificate[],
  nameOf: NameMaker,
  batch: string | undefined,
): { wanted: Wanted[]; of: Map<CheckedCertificate, Wanted> } {
  const byName = new Map<string, Wanted>();
  const of = new Map<CheckedCertificate, Wanted>();
  for (const certificate of certificates) {
    const name = nameOf(certificate, batch);
    if (name === undefined) continue;
    const known = byName.get(name);
    const device = known ?? { name, thumbprints: [certificate.thumbprint] };
    if (known === undefined) byName.set(name, device);
    else if (!known.thumbprints.includes(certificate.thumbprint)) {
      known.thumbprints.push(certificate.thumbprint);
    }
    of.set(certificate, device);
  }
  return { wanted: [...byName.values()], of };
}

export function codeOf(ending: Ending): EntryCode {
  return ending === "OutOfTime" ? ending : entryCode(ending.meaning);
}

export function inBulks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
