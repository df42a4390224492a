import { containsPrivateKey, isEncodedPrivateKey, PrivateKeyScan } from "../../private-keys.ts";

/** One device's entry, taken apart; nothing of it is believed yet. */
export interface DeviceJws {
  /** What is signed (RFC 7515, 5.1). */
  readonly signed: Buffer;
  readonly signature: Buffer;
  readonly thumbprint: string | undefined;
  readonly version: unknown;
  readonly uniqueId: string;
  readonly groupId: string;
  readonly provisioningTimestamp: unknown;
  readonly keys: readonly DeviceKey[];
}

export interface DeviceKey {
  readonly kid: string | undefined;
  /** Base64 of DER, the device's own first. */
  readonly x5c: readonly unknown[];
}

type Members = Readonly<Record<string, unknown>>;

const BASE64URL = /^[A-Za-z0-9_-]+$/;
/** Nobody nests deeper; what does is not looked into, and is no entry. */
const MAX_DEPTH = 16;
/** The members that only private and symmetric JSON Web Keys have (RFC 7518, 6.2.2, 6.3.2 and 6.4.1). */
const SECRET_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] as const;

/**
 * Takes a flattened JWS apart.
 * @returns the entry, or why it is none, in words
 * @throws ManifestError ContainsPrivateKey
 */
export function readJws(value: object): DeviceJws | string {
  const { payload, protected: head, signature, header } = value as Members;
  refuseKeys(value);
  if (!isBase64Url(payload) || !isBase64Url(head) || !isBase64Url(signature)) {
    return "it must have payload, protected and signature, each in base64url";
  }
  const device = decode(payload);
  const parameters = decode(head);
  if (device === undefined) return "its payload is no JSON object";
  if (parameters === undefined) return "its protected header is no JSON object";
  refuseKeys(device);
  refuseKeys(parameters);
  if (parameters["alg"] !== "ES256") return "it is not signed with ES256";
  if (parameters["crit"] !== undefined) return "its protected header asks for what is not known (crit)";
  const uniqueId = textOf(device["uniqueId"]);
  const named = isMembers(header) ? header["uniqueId"] : undefined;
  if (named !== undefined && named !== uniqueId) return "its header and its payload name different devices";
  const thumbprint = parameters["x5t#S256"];
  return {
    signed: Buffer.from(`${head}.${payload}`, "latin1"),
    signature: Buffer.from(signature, "base64url"),
    thumbprint: typeof thumbprint === "string" ? thumbprint : undefined,
    version: device["version"],
    uniqueId,
    groupId: textOf(device["groupId"]),
    provisioningTimestamp: device["provisioningTimestamp"],
    keys: keysOf(device["publicKeySet"]),
  };
}

/** An array of keys, as version 1 has it, or an object with one, as version 3 has it. Version 2 has none. */
function keysOf(set: unknown): DeviceKey[] {
  const keys: unknown = isMembers(set) ? set["keys"] : set;
  if (!Array.isArray(keys)) return [];
  return keys.filter(isMembers).map((key) => {
    const { kid, x5c } = key;
    return { kid: typeof kid === "string" ? kid : undefined, x5c: Array.isArray(x5c) ? x5c : [] };
  });
}

function decode(base64url: string): Members | undefined {
  const bytes = Buffer.from(base64url, "base64url");
  // What base64url hides from the search of the file.
  new PrivateKeyScan().push(bytes);
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    return isMembers(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** @throws ManifestError ContainsPrivateKey where a text is a private key, or an object a private JSON Web Key */
function refuseKeys(value: unknown, depth = 0): void {
  if (typeof value === "string") {
    if (isEncodedPrivateKey(value)) throw containsPrivateKey();
    return;
  }
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return;
  if (isMembers(value) && "kty" in value && SECRET_MEMBERS.some((name) => name in value)) {
    throw containsPrivateKey();
  }
  for (const member of Object.values(value)) refuseKeys(member, depth + 1);
}

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isBase64Url(value: unknown): value is string {
  return typeof value === "string" && BASE64URL.test(value);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value.trim() : "";
}
