import { generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";

const generate = promisify(generateKeyPair);

/** Kinds of device keys: what ships in the field (P-256, RSA-2048), and what a reader has to refuse. */
export type FactoryKeyType = "P-224" | "P-256" | "P-384" | "P-521" | "RSA-1024" | "RSA-2048" | "Ed25519";

const CURVES = { "P-224": "secp224r1", "P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1" };

/** A fresh key pair of the kind. RSA takes a second or so; the curves take well under a millisecond. */
export async function generateDeviceKey(
  type: FactoryKeyType,
): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  if (type === "Ed25519") return generate("ed25519");
  if (type === "RSA-1024" || type === "RSA-2048") {
    return generate("rsa", { modulusLength: type === "RSA-1024" ? 1024 : 2048 });
  }
  return generate("ec", { namedCurve: CURVES[type] });
}
