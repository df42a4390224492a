import { z } from "zod";
import { API_VERSION, kinds } from "../../crds/kinds.ts";
import type { CloudApi, CloudApiSpec } from "../../crds/index.ts";
import { cloudName } from "./names.ts";

// Only sizes are bounded here: what a value must look like, the API server says, in the words of the schema.
const text = z.string().trim().max(2048);
const lines = z.string().max(131_072);

/** The form of a CloudApi, as a page sends it. */
export const cloudForm = z.strictObject({
  name: cloudName,
  displayName: text.optional(),
  type: z.enum(["AWS", "Azure", "Other"]),
  aws: z
    .strictObject({
      accountId: text,
      apiGatewayId: text,
      region: text,
      stage: text,
      endpoint: text.optional(),
    })
    .optional(),
  azure: z.strictObject({ interopUrl: text, subscriptionId: text }).optional(),
  other: z.strictObject({ url: text, cloud: z.enum(["AWS", "Azure", "Private"]) }).optional(),
  /** For Other. Of a CloudApi that is there already, nothing means: as before. */
  credentials: z.strictObject({ username: z.string().max(1024), password: z.string().max(1024) }).optional(),
  caBundle: lines.optional(),
});

export type CloudForm = z.infer<typeof cloudForm>;

/** The Secret that a CloudApi of this name has its credentials in, when the console makes it. */
export function secretNameOf(name: string): string {
  return `${name}-credentials`;
}

/**
 * The CloudApi that a form describes.
 * @param secret the Secret that it names
 */
export function cloudApiOf(account: string, form: CloudForm, secret = secretNameOf(form.name)): CloudApi {
  return {
    apiVersion: API_VERSION,
    kind: "CloudApi",
    metadata: { name: form.name, namespace: account },
    spec: specOf(form, secret),
  };
}

function specOf({ displayName, type, aws, azure, other, caBundle }: CloudForm, secret: string): CloudApiSpec {
  return {
    type,
    ...(filled(displayName) ? { displayName } : {}),
    ...(type === "AWS" && aws !== undefined ? { aws: awsOf(aws) } : {}),
    ...(type === "Azure" && azure !== undefined ? { azure } : {}),
    ...(type === "Other" && other !== undefined
      ? { other: { ...other, credentialsSecretRef: { name: secret } } }
      : {}),
    ...(filled(caBundle) ? { caBundle } : {}),
  };
}

function awsOf({ endpoint, ...aws }: NonNullable<CloudForm["aws"]>): NonNullable<CloudApiSpec["aws"]> {
  return filled(endpoint) ? { ...aws, endpoint } : aws;
}

function filled(text: string | undefined): text is string {
  return text !== undefined && text.trim() !== "";
}

/** A merge patch that makes the spec what the form says: what was emptied goes. */
export function specPatch({ spec }: CloudApi, form: CloudForm, secret: string): object {
  const wanted = specOf(form, secret);
  const { aws } = wanted;
  return {
    spec: {
      ...wanted,
      displayName: wanted.displayName ?? null,
      caBundle: wanted.caBundle ?? null,
      ...(aws === undefined || spec.aws === undefined
        ? {}
        : { aws: { ...aws, endpoint: aws.endpoint ?? null } }),
    },
  };
}

/** Where CloudApis of an account are served. */
export function cloudApisPath(account: string, name?: string): string {
  const { group, version, plural } = kinds.CloudApi;
  const collection = `/apis/${group}/${version}/namespaces/${account}/${plural}`;
  return name === undefined ? collection : `${collection}/${name}`;
}
