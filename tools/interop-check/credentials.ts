import { TokenSource } from "../../interop/trust/token-source.ts";
import type { SigningKey } from "../../interop/trust/signing-key.ts";

/** With what a check shows who is calling. */
export type Credentials =
  | { readonly kind: "bearer"; readonly key: SigningKey; readonly audience: string }
  | { readonly kind: "basic"; readonly username: string; readonly password: string };

export function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}

/** @returns what gives the value of a good Authorization header, each time it is asked */
export function authorizer(credentials: Credentials): () => Promise<string> {
  if (credentials.kind === "basic") {
    const header = basicHeader(credentials.username, credentials.password);
    return () => Promise.resolve(header);
  }
  const { key, audience } = credentials;
  const tokens = new TokenSource({ key, issuer: "certferry-interop-check", audience });
  return async () => `Bearer ${await tokens.token()}`;
}
