import type { CloudApi } from "../../../crds/index.ts";
import { AddressError, awsInteropUrl, checkedInteropUrl } from "../../../interop/caller/address.ts";
import type { InfoAnswer, InteropTarget } from "../../../interop/caller/caller.ts";
import { isCapability } from "../../../interop/protocol/capabilities.ts";
import type { Secret } from "../../accounts/core-kinds.ts";
import type { SigningKeys } from "../../accounts/signing-keys.ts";
import { targetOf } from "../../provisioning/target.ts";
import type { ResourceClient } from "../../runtime/client.ts";
import type { CloudApiReason } from "../reasons.ts";
import type { CloudLink } from "./links.ts";

/** Why a CloudApi cannot even be called. */
export class Unresolved extends Error {
  override name = "Unresolved";
  readonly reason: CloudApiReason;

  constructor(reason: CloudApiReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface ResolveDeps {
  readonly secrets: Pick<ResourceClient<Secret>, "find">;
  readonly keys: Pick<SigningKeys, "tokens">;
}

const BASIC_AUTH = "kubernetes.io/basic-auth";

/** The address that is posted to. @throws Unresolved */
export function endpointOf({ spec }: CloudApi): string {
  try {
    if (spec.type === "AWS" && spec.aws !== undefined) return awsInteropUrl(spec.aws);
    if (spec.type === "Azure" && spec.azure !== undefined)
      return checkedInteropUrl("interopUrl", spec.azure.interopUrl);
    if (spec.type === "Other" && spec.other !== undefined) return checkedInteropUrl("url", spec.other.url);
  } catch (error) {
    if (error instanceof AddressError) throw new Unresolved("AddressInvalid", error.message);
    throw error;
  }
  throw new Unresolved("AddressInvalid", `spec.${spec.type.toLowerCase()} is missing`);
}

/**
 * What it takes to call a CloudApi's cloud: its address, credentials, and what to expect of it.
 * @throws Unresolved, SigningKeyMissing, ApiError
 */
export async function resolve(api: CloudApi, deps: ResolveDeps, signal: AbortSignal): Promise<CloudLink> {
  const { spec } = api;
  const target = targetOf(spec);
  if (target === undefined)
    throw new Unresolved("AddressInvalid", `spec.${spec.type.toLowerCase()} is missing`);
  const { auth, kid } = await authOf(api, deps, signal);
  const interop: InteropTarget = {
    url: endpointOf(api),
    auth,
    ...(spec.caBundle === undefined ? {} : { caBundle: spec.caBundle }),
  };
  const aws = spec.type === "AWS" || spec.other?.cloud === "AWS";
  // Interop v1 names things and devices by serial number; a private cloud is taken to do so too.
  return {
    target,
    interop,
    limits: spec.limits ?? {},
    namesBySerial: true,
    policyExpected: aws,
    canDeprovision: false,
    ...(kid === undefined ? {} : { kid }),
  };
}

/** The same link with tokens of the key that is to follow; undefined where none is, or none signs for it. */
export async function withNextKey(
  link: CloudLink,
  { metadata, spec }: CloudApi,
  { keys }: ResolveDeps,
  signal: AbortSignal,
): Promise<CloudLink | undefined> {
  if (link.kid === undefined) return undefined;
  const source = await keys.tokens(metadata.namespace, audienceOf(spec), signal, "next");
  if (source === undefined) return undefined;
  const auth = { kind: "bearer", token: () => source.token() } as const;
  return { ...link, interop: { ...link.interop, auth }, kid: source.kid };
}

/** A link to a cloud that has said what it offers beyond v1. */
export function withOffers(link: CloudLink, { capabilities }: InfoAnswer): CloudLink {
  const offered = new Set(capabilities.filter(isCapability));
  if (offered.size === 0) return link;
  return {
    ...link,
    interop: { ...link.interop, capabilities: offered },
    namesBySerial: !offered.has("distinct-names"),
    canDeprovision: offered.has("deprovision"),
  };
}

async function authOf(
  api: CloudApi,
  deps: ResolveDeps,
  signal: AbortSignal,
): Promise<{ auth: InteropTarget["auth"]; kid?: string }> {
  const { spec } = api;
  const { namespace } = api.metadata;
  if (spec.other !== undefined)
    return { auth: await basicAuth(namespace, spec.other.credentialsSecretRef.name, deps, signal) };
  const source = await deps.keys.tokens(namespace, audienceOf(spec), signal);
  return { auth: { kind: "bearer", token: () => source.token() }, kid: source.kid };
}

/**
 * What a token's `aud` is: the cloud's own account or subscription ID. The API takes subscription IDs in any case;
 * callees compare them as they are, and have them as Azure writes them, in lower case.
 */
export function audienceOf(spec: CloudApi["spec"]): string {
  return spec.aws?.accountId ?? spec.azure?.subscriptionId.toLowerCase() ?? "";
}

async function basicAuth(
  namespace: string,
  name: string,
  { secrets }: ResolveDeps,
  signal: AbortSignal,
): Promise<InteropTarget["auth"]> {
  const secret = await secrets.find({ namespace, name }, signal);
  if (secret === undefined) {
    throw new Unresolved(
      "CredentialsNotFound",
      `Secret ${namespace}/${name} (spec.other.credentialsSecretRef), of type ${BASIC_AUTH}, does not exist`,
    );
  }
  const username = secret.data?.["username"];
  const password = secret.data?.["password"];
  if (secret.type !== BASIC_AUTH || username === undefined || password === undefined) {
    throw new Unresolved(
      "CredentialsInvalid",
      `Secret ${namespace}/${name} (spec.other.credentialsSecretRef) must be of type ${BASIC_AUTH} with the keys username and password`,
    );
  }
  return { kind: "basic", username: decode(username), password: decode(password) };
}

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
