import type { JSONWebKeySet } from "jose";
import { z } from "zod";
import { deviceNames, NameTemplateError } from "../registries/names.ts";
import { DEFAULT_DEVICES_PER_SECOND } from "../registries/aws-iot/quotas.ts";
import { FIELD_THING_NAME, THING_NAME } from "../registries/aws-iot/registry.ts";
import { DEFAULT_TOPIC } from "../protocol/messages.ts";

/** What the function is told by its environment. */
export interface LambdaSettings {
  readonly audience: string;
  readonly jwks: JSONWebKeySet;
  readonly thingName: string;
  readonly policy: string | undefined;
  readonly thingType: string | undefined;
  readonly thingGroupPrefix: string | undefined;
  readonly topic: string;
  readonly devicesPerSecond: number;
}

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
const given = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === "" ? undefined : value), schema);

const name = (what: string, pattern: RegExp, takes: string) =>
  given(z.string().regex(pattern, `must be ${what}: ${takes}`).optional());

const environmentSchema = z.object({
  AUDIENCE: given(
    z
      .string("must be set to the ID of this AWS account")
      .regex(/^\d{12}$/, "must be the ID of this AWS account, twelve digits"),
  ),
  JWKS: given(
    z.string("must be set to the accounts' public keys, a JWKS as JSON").transform((text, context) => {
      const read = readJwks(text);
      if (typeof read !== "string") return read;
      context.addIssue({ code: "custom", message: read });
      return z.NEVER;
    }),
  ),
  THING_NAME_TEMPLATE: given(z.string().default(FIELD_THING_NAME)).superRefine((template, context) => {
    try {
      deviceNames(template, THING_NAME);
    } catch (error) {
      if (!(error instanceof NameTemplateError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
    }
  }),
  IOT_POLICY: name("the name of an IoT policy", /^[\w+=,.@-]{1,128}$/, "letters, digits and _ + = , . @ -"),
  THING_TYPE: name("the name of a thing type", /^[a-zA-Z0-9:_-]{1,128}$/, "letters, digits and : _ -"),
  THING_GROUP_PREFIX: name(
    "what the names of thing groups begin with",
    /^[a-zA-Z0-9:_-]{1,64}$/,
    "at most 64 letters, digits and : _ -",
  ),
  DEFAULT_TOPIC: given(
    z
      .string()
      .regex(/^[^\s+#]{1,256}$/, "must be the name of an MQTT topic, without spaces and wildcards")
      .default(DEFAULT_TOPIC),
  ),
  DEVICES_PER_SECOND: given(
    z.coerce
      .number("must be a number")
      .positive("must be above 0")
      .max(1000, "must be at most 1000")
      .default(DEFAULT_DEVICES_PER_SECOND),
  ),
});

/**
 * Reads the function's environment.
 * @throws EnvironmentFault
 */
export function readLambdaEnvironment(env: Readonly<Record<string, string | undefined>>): LambdaSettings {
  const read = environmentSchema.safeParse(env);
  if (!read.success) {
    throw new EnvironmentFault(read.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`));
  }
  const { data } = read;
  return {
    audience: data.AUDIENCE,
    jwks: data.JWKS,
    thingName: data.THING_NAME_TEMPLATE,
    policy: data.IOT_POLICY,
    thingType: data.THING_TYPE,
    thingGroupPrefix: data.THING_GROUP_PREFIX,
    topic: data.DEFAULT_TOPIC,
    devicesPerSecond: data.DEVICES_PER_SECOND,
  };
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
