import { decodeJwt, decodeProtectedHeader } from "jose";
import { describe, expect, it } from "vitest";
import { generateSigningKey } from "./signing-key.ts";
import { TokenSource } from "./token-source.ts";

const key = await generateSigningKey();

function sourceAt(start: number, ttlSeconds?: number) {
  let now = start;
  const source = new TokenSource({
    key,
    issuer: "certferry/factory-a",
    audience: "123456789012",
    clock: { now: () => now },
    ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
  });
  return { source, pass: (seconds: number) => void (now += seconds * 1000) };
}

describe("a token", () => {
  it("says who it is from and for, and lives ten minutes", async () => {
    const token = await sourceAt(1_762_000_000_000).source.token();
    expect(decodeProtectedHeader(token)).toEqual({ alg: "ES256", kid: key.kid, typ: "JWT" });
    const { jti, ...claims } = decodeJwt(token);
    expect(claims).toEqual({
      iss: "certferry/factory-a",
      aud: "123456789012",
      iat: 1_762_000_000,
      exp: 1_762_000_600,
    });
    expect(jti).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("is reused until two minutes before it expires", async () => {
    const { source, pass } = sourceAt(1_762_000_000_000);
    const [first, same] = await Promise.all([source.token(), source.token()]);
    expect(same).toBe(first);
    pass(479);
    expect(await source.token()).toBe(first);
    pass(1);
    const second = await source.token();
    expect(second).not.toBe(first);
    expect(decodeJwt(second).jti).not.toBe(decodeJwt(first).jti);
  });

  it("that is short-lived is renewed half-way", async () => {
    const { source, pass } = sourceAt(1_762_000_000_000, 60);
    const first = await source.token();
    pass(29);
    expect(await source.token()).toBe(first);
    pass(1);
    expect(await source.token()).not.toBe(first);
  });

  it("must live at all", () => {
    expect(() => sourceAt(0, 0)).toThrow(RangeError);
  });
});
