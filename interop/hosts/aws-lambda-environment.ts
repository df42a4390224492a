import type { JSONWebKeySet } from "jose";
import { z } from "zod";
import { DEFAULT_DEVICES_PER_SECOND } from "../registries/aws-iot/quotas.ts";
import { FIELD_THING_NAME, THING_NAME } from "../registries/aws-iot/registry.ts";
import { DEFAULT_TOPIC } from "../protocol/messages.ts";
import { given, jwksVariable, namesVariable, readEnvironment, topicVariable } from "./environment.ts";

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

const name = (what: string, pattern: RegExp, takes: string) =>
  given(z.string().regex(pattern, `must be ${what}: ${takes}`).optional());

const environmentSchema = z.object({
  AUDIENCE: given(
    z
      .string("must be set to the ID of this AWS account")
      .regex(/^\d{12}$/, "must be the ID of this AWS account, twelve digits"),
  ),
  JWKS: jwksVariable,
  THING_NAME_TEMPLATE: namesVariable(FIELD_THING_NAME, THING_NAME),
  IOT_POLICY: name("the name of an IoT policy", /^[\w+=,.@-]{1,128}$/, "letters, digits and _ + = , . @ -"),
  THING_TYPE: name("the name of a thing type", /^[a-zA-Z0-9:_-]{1,128}$/, "letters, digits and : _ -"),
  THING_GROUP_PREFIX: name(
    "what the names of thing groups begin with",
    /^[a-zA-Z0-9:_-]{1,64}$/,
    "at most 64 letters, digits and : _ -",
  ),
  DEFAULT_TOPIC: topicVariable(DEFAULT_TOPIC),
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
  const data = readEnvironment(environmentSchema, env);
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
