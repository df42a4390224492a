import { z } from "zod";
import { DEFAULT_TOPIC } from "../protocol/messages.ts";
import { DEVICE_NAME, FIELD_DEVICE_NAME, HUB_HOST_NAME } from "../registries/azure-iot-hub/names.ts";
import { given, jwksVariable, namesVariable, readEnvironment, topicVariable } from "./environment.ts";

const rate = given(
  z.coerce
    .number("must be a number of calls a second")
    .positive("must be above 0")
    .max(10_000, "must be at most 10000")
    .optional(),
);

const environmentSchema = z.object({
  /** The subscription's ID: whom tokens must be for. */
  AUDIENCE: given(
    z.guid({
      error: (issue) =>
        issue.input === undefined
          ? "must be set to the ID of this Azure subscription"
          : "must be the ID of this Azure subscription, as in 00000000-0000-0000-0000-000000000000",
    }),
  ),
  JWKS: jwksVariable,
  IOT_HUB_HOST: given(
    z
      .string("must be set to the IoT Hub's host name, as in contoso.azure-devices.net")
      .regex(HUB_HOST_NAME, "must be the IoT Hub's host name alone, as in contoso.azure-devices.net"),
  ),
  DEVICE_NAME_TEMPLATE: namesVariable(FIELD_DEVICE_NAME, DEVICE_NAME),
  DEFAULT_TOPIC: topicVariable(DEFAULT_TOPIC),
  /** Whether twins are used: for a standard tier, with the rights to read and write them. */
  IOT_HUB_TWINS: given(z.enum(["true", "false"], "must be true or false").default("false")),
  IOT_HUB_CALLS_PER_SECOND: rate,
  IOT_HUB_TWIN_CALLS_PER_SECOND: rate,
  /** Set by the platform for an app that has an identity. */
  IDENTITY_ENDPOINT: given(
    z.url({
      protocol: /^https?$/,
      error: "is not set: give the app a managed identity (the platform sets this variable then)",
    }),
  ),
  IDENTITY_HEADER: given(
    z.string("is not set: give the app a managed identity (the platform sets this variable then)"),
  ),
  /** Which identity, if the app has one that is user-assigned. */
  AZURE_CLIENT_ID: given(z.guid("must be the client ID of the app's user-assigned identity").optional()),
  DPS_HOST: given(
    z.undefined("must not be set: enrolments in a Device Provisioning Service are not made by this callee"),
  ),
});

/** What the function is told by its environment. */
export type FunctionSettings = z.infer<typeof environmentSchema>;

/**
 * Reads the function's environment.
 * @throws EnvironmentFault
 */
export function readFunctionEnvironment(env: Readonly<Record<string, string | undefined>>): FunctionSettings {
  return readEnvironment(environmentSchema, env);
}
