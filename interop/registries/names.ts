import type { CheckedCertificate } from "./port.ts";

/** What a name may be made of, each written `<so>` in a template. */
export const NAME_PARTS = ["serial", "fingerprint", "device", "batch"] as const;
export type NamePart = (typeof NAME_PARTS)[number];

/** Makes the name of a device; nothing where the certificate and its request do not tell all that it needs. */
export type NameMaker = (certificate: CheckedCertificate, batch: string | undefined) => string | undefined;

export interface DeviceNames {
  readonly name: NameMaker;
  /** Two devices of one serial number get different names. */
  readonly distinct: boolean;
}

/** A template that makes no names. The message says what is wrong with it and what is allowed. */
export class NameTemplateError extends Error {
  override readonly name = "NameTemplateError";
}

/**
 * Reads a template of device names, such as `Infineon_<serial>` (the field's) or `<batch>_<fingerprint>`.
 * `<serial>` and `<fingerprint>` (SHA-256) are upper-case hex; `<device>` and `<batch>` are as the caller says.
 * @param allowed what the registry takes as a name, whole
 * @throws NameTemplateError
 */
export function deviceNames(template: string, allowed: RegExp): DeviceNames {
  const parts = template.split(/<([^<>]*)>/);
  const used = parts.filter((_, index) => index % 2 === 1);
  const unknown = used.find((part) => !isNamePart(part));
  if (unknown !== undefined) {
    throw new NameTemplateError(
      `the name template ${JSON.stringify(template)} has <${unknown}>; it may have ${NAME_PARTS.map((part) => `<${part}>`).join(", ")}`,
    );
  }
  if (!used.some((part) => part !== "batch")) {
    throw new NameTemplateError(
      `the name template ${JSON.stringify(template)} gives all devices of a batch one name; give it <serial>, <fingerprint> or <device>`,
    );
  }
  const trial = parts.map((part, index) => (index % 2 === 1 ? "A1" : part)).join("");
  if (!allowed.test(trial)) {
    throw new NameTemplateError(
      `the name template ${JSON.stringify(template)} makes names that the registry does not take: it must fit ${allowed.source}`,
    );
  }
  return {
    distinct: used.includes("fingerprint") || used.includes("device"),
    name(certificate, batch) {
      const values: Record<NamePart, string | undefined> = {
        serial: certificate.serial,
        fingerprint: certificate.thumbprint,
        device: certificate.device,
        batch,
      };
      let name = "";
      for (const [index, part] of parts.entries()) {
        const text = index % 2 === 0 ? part : isNamePart(part) ? values[part] : undefined;
        if (text === undefined) return undefined;
        name += text;
      }
      return allowed.test(name) ? name : undefined;
    },
  };
}

function isNamePart(part: string): part is NamePart {
  return (NAME_PARTS as readonly string[]).includes(part);
}
