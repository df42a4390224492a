import fc from "fast-check";
import { expect, it } from "vitest";
import type { Capability } from "../protocol/capabilities.ts";
import { certificateText } from "./certificate-text.ts";
import { certificatesBody } from "./certificates-body.ts";

const cert = fc.record({ ref: fc.string({ unit: "binary", maxLength: 140 }), der: fc.uint8Array() });
const capabilities = fc.subarray<Capability>(["batch", "codes", "status"]).map((all) => new Set(all));

it("is the JSON of what is to be said, whatever the refs and the batch are", () => {
  fc.assert(
    fc.property(
      fc.array(cert, { minLength: 1, maxLength: 5 }),
      fc.option(fc.string({ unit: "binary" }), { nil: undefined }),
      fc.option(capabilities, { nil: undefined }),
      (certs, batch, offered) => {
        const told = offered?.has("batch") === true;
        const body = certificatesBody("provision", certs, batch, offered);
        expect(JSON.parse(body.toString("utf8"))).toEqual({
          action: "provision",
          ...(told && batch !== undefined ? { batch } : {}),
          ...(offered?.has("codes") === true ? { codes: true } : {}),
          certs: certs.map(({ ref, der }) => ({
            ref,
            ...(told && /^[A-Za-z0-9][A-Za-z0-9:_.-]{0,127}$/.test(ref) ? { device: ref } : {}),
            cert: certificateText(der),
          })),
        });
      },
    ),
  );
});
