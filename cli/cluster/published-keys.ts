import { NEXT_KEY } from "../../operator/controllers/cloudapi/status.ts";
import { findCondition } from "../../operator/runtime/conditions.ts";
import type { Session } from "./session.ts";

/** The ConfigMap in which an account's public keys are published, and its entries. */
export const PUBLISHED = "certferry-jwks";
const JWKS = "jwks.json";
const PEM = "public.pem";

/** What an account's clouds are to trust: a key set, the one key that is signed with, and the keys' IDs. */
export interface PublicKeys {
  readonly jwks: string;
  readonly pem: string;
  /** Two while the keys are being rotated. */
  readonly kids: readonly string[];
}

/** Undefined until the operator has published them. @throws ApiError */
export async function publishedIn(
  { configMaps, namespace }: Session,
  signal: AbortSignal,
): Promise<PublicKeys | undefined> {
  const data = (await configMaps.find({ namespace, name: PUBLISHED }, signal))?.data;
  const jwks = data?.[JWKS];
  if (jwks === undefined) return undefined;
  const { keys = [] } = JSON.parse(jwks) as { keys?: { kid?: string }[] };
  return { jwks, pem: data?.[PEM] ?? "", kids: keys.map(({ kid = "?" }) => kid) };
}

/**
 * Through which CloudApis the next key is not accepted, as far as the operator has found: those that say so, and those
 * that cannot be called. Where the account has none that signs, that is said in their place: a rotation waits for one.
 * @throws ApiError
 */
export async function notYetAccepting(
  { cloudApis, namespace }: Session,
  signal: AbortSignal,
): Promise<string[]> {
  const { items } = await cloudApis.list({ namespace }, signal);
  const signed = items.filter(({ spec }) => spec.other === undefined);
  if (signed.length === 0) return ["any CloudApi (there is none)"];
  return signed
    .filter(({ status }) => {
      const ready = findCondition(status?.conditions, "Ready");
      return ready?.status !== "True" || ready.message.endsWith(NEXT_KEY);
    })
    .map(({ metadata }) => metadata.name)
    .sort();
}
