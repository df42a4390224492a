import { describe, expect, it } from "vitest";
import { deviceNames, NameTemplateError } from "./names.ts";
import type { CheckedCertificate } from "./port.ts";

const ALLOWED = /^[A-Za-z0-9:_-]{1,128}$/;
const certificate: CheckedCertificate = {
  ref: "a",
  pem: "",
  serial: "30309D3B",
  thumbprint: "AB".repeat(32),
};

describe("names of devices", () => {
  it.each([
    ["Infineon_<serial>", "Infineon_30309D3B", false],
    ["<batch>-<fingerprint>", `D001-${"AB".repeat(32)}`, true],
    ["<device>", "chip-1", true],
    ["<serial>:<serial>", "30309D3B:30309D3B", false],
  ])("%s", (template, name, distinct) => {
    const names = deviceNames(template, ALLOWED);
    expect(names.name({ ...certificate, device: "chip-1" }, "D001")).toBe(name);
    expect(names.distinct).toBe(distinct);
  });

  it("are none where a part is not told, or the registry does not take the whole", () => {
    expect(deviceNames("<device>", ALLOWED).name(certificate, "D001")).toBeUndefined();
    expect(deviceNames("<batch>_<serial>", ALLOWED).name(certificate, undefined)).toBeUndefined();
    expect(deviceNames("<batch>_<serial>", ALLOWED).name(certificate, "D 1")).toBeUndefined();
    expect(deviceNames(`${"x".repeat(100)}<fingerprint>`, ALLOWED).name(certificate, "D001")).toBeUndefined();
  });

  it.each([
    ["<Serial>", /has <Serial>; it may have <serial>, <fingerprint>, <device>, <batch>/],
    ["Thing", /gives all devices of a batch one name/],
    ["<batch>", /gives all devices of a batch one name/],
    ["a b<serial>", /makes names that the registry does not take/],
    ["", /gives all devices of a batch one name/],
  ])("template %j is refused", (template, message) => {
    expect(() => deviceNames(template, ALLOWED)).toThrow(NameTemplateError);
    expect(() => deviceNames(template, ALLOWED)).toThrow(message);
  });
});
