import fc from "fast-check";
import { expect, it } from "vitest";
import { newSealKey, sealing, unseal } from "./seal.ts";

it("any part of what was sealed can be unsealed by itself", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), fc.nat(200), (bytes, from, length) => {
      const key = newSealKey();
      const cipher = sealing(key);
      const sealed = Buffer.concat([cipher.update(bytes.subarray(0, 7)), cipher.update(bytes.subarray(7))]);
      expect(unseal(key, sealed.subarray(from, from + length), from)).toEqual(
        Buffer.from(bytes.subarray(from, from + length)),
      );
    }),
  );
});

it("counts on where the counter overflows", () => {
  const key = { ...newSealKey(), counter: new Uint8Array(16).fill(0xff) };
  const bytes = Buffer.alloc(64, "a");
  const sealed = sealing(key).update(bytes);
  expect(sealed.includes("aaaa")).toBe(false);
  for (const from of [0, 1, 15, 16, 40]) {
    expect(unseal(key, sealed.subarray(from), from)).toEqual(bytes.subarray(from));
  }
});
