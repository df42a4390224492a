import { z } from "zod";
import { type CelRule, immutable, matches, plainSource, rules } from "./rules.ts";

interface TextOptions {
  readonly description: string;
  readonly max: number;
  readonly min?: number;
  readonly pattern?: RegExp;
  /** Says in words what `pattern` asks for, and gives an example. */
  readonly patternMessage?: string;
  readonly rules?: readonly CelRule[];
}

/** A bounded string. With a pattern, the API server also gives `patternMessage`, which a person can act on. */
export function text(o: TextOptions): z.ZodString {
  let schema = z.string().max(o.max);
  if (o.min !== undefined) schema = schema.min(o.min);
  const list = [...(o.rules ?? [])];
  if (o.pattern !== undefined) {
    schema = schema.regex(new RegExp(plainSource(o.pattern)));
    if (o.patternMessage !== undefined) list.unshift(matches(o.pattern, o.patternMessage));
  }
  return schema.meta({ description: o.description, ...(list.length > 0 ? rules(...list) : {}) });
}

/** A point in time, RFC 3339. */
export function time(description: string, list: readonly CelRule[] = []): z.ZodString {
  return z
    .string()
    .max(64)
    .meta({ description, format: "date-time", ...(list.length > 0 ? rules(...list) : {}) });
}

/** A whole number from `min` (0 when not given) to `max` (2³¹−1 when not given). */
export function count(
  description: string,
  o: { min?: number; max?: number; rules?: readonly CelRule[] } = {},
): z.ZodInt {
  return z
    .int()
    .min(o.min ?? 0)
    .max(o.max ?? 2 ** 31 - 1)
    .meta({ description, format: "int32", ...(o.rules ? rules(...o.rules) : {}) });
}

export const BATCH_ID = /^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$/;

/** A Product Batch ID as printed on the reel; never changes on an object. */
export function batchId(description: string, advice: string): z.ZodString {
  return text({
    description,
    min: 1,
    max: 63,
    pattern: BATCH_ID,
    patternMessage:
      "must be the Product Batch ID as printed on the reel: letters, digits and hyphens, with a letter or digit at both ends, e.g. D001",
    rules: [immutable("The batch ID", advice)],
  });
}

const SHA256 = /^[0-9a-f]{64}$/;

/** The SHA-256 of a manifest's bytes, as `sha256sum` prints it. */
export function sha256(description: string, list: readonly CelRule[] = []): z.ZodString {
  return text({
    description,
    max: 64,
    pattern: SHA256,
    patternMessage: 'must be a SHA-256 digest of 64 lower-case hex digits, as "sha256sum FILE" prints it',
    rules: list,
  });
}

const LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

/** The name of a namespace, which is an account. */
export function namespaceName(description: string, list: readonly CelRule[] = []): z.ZodString {
  return text({
    description,
    min: 1,
    max: 63,
    pattern: LABEL,
    patternMessage: "must be the name of a namespace: lower-case letters, digits and hyphens",
    rules: list,
  });
}

/** The name of another object. */
export function objectName(
  description: string,
  o: { max?: number; rules?: readonly CelRule[] } = {},
): z.ZodString {
  return text({
    description,
    min: 1,
    max: o.max ?? 253,
    pattern: SUBDOMAIN,
    patternMessage:
      "must be an object's name: lower-case letters, digits, hyphens and dots, with a letter or digit at both ends",
    rules: o.rules ?? [],
  });
}

/** Longest name of a CloudApi: it is repeated in lists, checked name by name, and used as a label. */
export const CLOUD_API_NAME_MAX = 63;

/** PEM certificates that are trusted besides the public roots. */
export function caBundle(description: string): z.ZodString {
  return text({
    description,
    max: 131_072,
    rules: [
      {
        rule: "self.contains('-----BEGIN CERTIFICATE-----')",
        message:
          'must be one or more certificates in PEM, each beginning with "-----BEGIN CERTIFICATE-----" (plain text, not base64 of it)',
      },
      {
        rule: "!self.contains('PRIVATE KEY-----')",
        message:
          "must hold certificates only: take the private key out, and replace it where it is used, because it was shown to the API server",
      },
    ],
  });
}

/** Which certificate of a device with several is meant. */
export function certificateSlot(description: string): z.ZodString {
  return text({
    description,
    min: 1,
    max: 16,
    pattern: /^[A-Za-z0-9]+$/,
    patternMessage: "must be the name of a certificate slot, e.g. E0E0, E0E1 or E0E2 of an OPTIGA Trust M",
  });
}

const condition = z
  .object({
    type: text({ description: "What is judged, e.g. Ready.", min: 1, max: 316 }),
    status: z
      .enum(["True", "False", "Unknown"])
      .meta({ description: "True: it holds. False: it does not. Unknown: it cannot be told yet." }),
    reason: text({
      description: "Why, as one word that programs can compare.",
      min: 1,
      max: 256,
      pattern: /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/,
    }),
    message: text({ description: "Why, for people, with what to do about it.", max: 32_768 }),
    observedGeneration: z
      .int()
      .min(0)
      .meta({
        description:
          "The metadata.generation that was judged; an older one means that the verdict is out of date.",
        format: "int64",
      })
      .exactOptional(),
    lastTransitionTime: time("When status last changed from one value to another."),
  })
  .meta({ description: "One condition, by its type." });

/** Conditions as the Kubernetes API conventions and kstatus read them. */
export function conditions(types: string): z.ZodArray<typeof condition> {
  return z
    .array(condition)
    .max(16)
    .meta({
      description: `What holds of this object at present: ${types}`,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
    });
}

/** The generation that a status speaks of which the operator has not written yet. */
export const NOT_OBSERVED = -1;

/** The generation that the whole status speaks of, where kstatus looks for it. */
export function observedGeneration(): z.ZodInt {
  return z.int().min(NOT_OBSERVED).meta({
    description:
      "The metadata.generation that this status speaks of; an older one means that the operator has not yet seen the latest change, and -1 that it has not seen the object at all.",
    format: "int64",
  });
}

/** `{name}` of a Secret. */
export function secretRef(description: string, nameDescription: string) {
  return z.object({ name: objectName(nameDescription) }).meta({ description });
}
