import { describe, expect, it } from "vitest";
import { webAddress } from "./options.ts";

describe("an address that sessions go to", () => {
  it("is https, or this machine", () => {
    for (const good of [
      "https://console.example.com",
      "http://127.0.0.1:8090",
      "http://localhost:1",
      "http://[::1]:1",
    ]) {
      expect(webAddress(good).href.startsWith(good)).toBe(true);
    }
    for (const bad of [
      "http://console.example.com",
      "http://127.0.0.1.example.com",
      "ftp://x",
      "console",
      "http://10.0.0.1",
      "https://ada:secret@console.example.com",
    ]) {
      expect(() => webAddress(bad)).toThrow(/https:/u);
    }
  });
});
