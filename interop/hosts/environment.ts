import type { JSONWebKeySet } from "jose";
import { z } from "zod";
import { deviceNames, NameTemplateError } from "../registries/names.ts";

/** What is wrong with the environment: one line for each variable, which says what to do. No value is quoted. */
export class EnvironmentFault extends Error {
  override readonly name = "EnvironmentFault";
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join("; "));
    this.faults = faults;
  }
}

/** An empty variable is as good as none: infrastructure code often cannot leave one out. */
export const given = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === "" ? undefined : value), schema);

/** The accounts' public keys. */
export const jwksVariable = given(
  z.string("must be set to the accounts' public keys, a JWKS as JSON").transform((text, context) => {
    const read = readJwks(text);
    if (typeof read !== "string") return read;
    context.addIssue({ code: "custom", message: read });
    return z.NEVER;
  }),
);

/** The topic that goes into answers. */
export const topicVariable = (otherwise: string) =>
  given(
    z
      .string()
      .regex(/^[^\s+#]{1,256}$/, "must be the name of an MQTT topic, without spaces and wildcards")
      .default(otherwise),
  );

/** A template of device names. @param allowed what the registry takes as a name */
export const namesVariable = (otherwise: string, allowed: RegExp) =>
  given(z.string().default(otherwise)).superRefine((template, context) => {
    try {
      deviceNames(template, allowed);
    } catch (error) {
      if (!(error instanceof NameTemplateError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
    }
  });

/**
 * Reads an environment.
 * @throws EnvironmentFault
 */
export function readEnvironment<T>(
  schema: z.ZodType<T>,
  env: Readonly<Record<string, string | undefined>>,
): T {
  const read = schema.safeParse(env);
  if (read.success) return read.data;
  throw new EnvironmentFault(read.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`));
}

const jwksSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

const publicKeySchema = z.looseObject({
  kty: z.literal("EC"),
  crv: z.literal("P-256"),
  x: z.string().min(1),
  y: z.string().min(1),
});

/** @returns the keys, or what is wrong with the text */
function readJwks(text: string): JSONWebKeySet | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "must be JSON: a JWKS as `certferry.dev/account` namespaces publish it";
  }
  const read = jwksSchema.safeParse(value);
  if (!read.success) return 'must be a JWKS: {"keys": [...]}';
  const { keys } = read.data;
  if (keys.some((key) => "d" in key || "k" in key)) {
    return "holds a private or secret key: take that out, hold it for known to others, and give public keys";
  }
  if (!keys.some((key) => publicKeySchema.safeParse(key).success)) {
    return "must hold at least one public key of kty EC and crv P-256";
  }
  return { keys };
}
