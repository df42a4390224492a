import { describe, expect, it } from "vitest";
import { proxyFor } from "./proxy.ts";

const both = { HTTPS_PROXY: "http://secure.proxy:3128", HTTP_PROXY: "plain.proxy:3128" };
const at = (url: string, env: Record<string, string>): string | undefined => proxyFor(new URL(url), env);

describe("the proxy for an address", () => {
  it("goes by scheme, and lower case wins", () => {
    expect(at("https://a.example/", both)).toBe("http://secure.proxy:3128");
    expect(at("http://a.example/", both)).toBe("http://plain.proxy:3128");
    expect(at("https://a.example/", { ...both, https_proxy: "http://lower:1" })).toBe("http://lower:1");
    expect(at("https://a.example/", { HTTP_PROXY: "http://plain:1" })).toBeUndefined();
    expect(at("https://a.example/", { HTTPS_PROXY: "" })).toBeUndefined();
  });

  it.each([
    ["https://a.example/", "a.example", true],
    ["https://b.a.example/", "a.example", true],
    ["https://b.a.example/", ".a.example", true],
    ["https://b.a.example/", "*.a.example", true],
    ["https://nota.example/", "a.example", false],
    ["https://A.EXAMPLE./", "a.example", true],
    ["https://a.example/", "x.example, a.example", true],
    ["https://a.example/", "a.example:443", true],
    ["https://a.example/", "a.example:8443", false],
    ["https://a.example:8443/", "a.example:8443", true],
    ["https://anything/", "*", true],
    ["https://127.0.0.1/", "127.0.0.1", true],
    ["https://[::1]/", "::1", true],
    ["https://[::1]:8443/", "[::1]:8443", true],
    ["https://a.example/", "", false],
    ["https://10.1.2.3/", "10.0.0.0/8", true],
    ["https://11.1.2.3/", "10.0.0.0/8", false],
    ["https://[fd00::7]/", "fd00::/8", true],
    ["https://a.example/", "0.0.0.0/0", false],
    ["https://10.1.2.3/", "10.0.0.0/99", false],
  ])("%s with NO_PROXY=%s is exempt: %s", (url, NO_PROXY, exempt) => {
    expect(at(url, { ...both, NO_PROXY }) === undefined).toBe(exempt);
  });

  it.each([
    "https://localhost/",
    "https://LOCALHOST.:8443/",
    "https://127.0.0.1:8443/",
    "http://127.9.9.9/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
  ])("is never asked for this machine: %s", (url) => {
    expect(at(url, both)).toBeUndefined();
  });

  it("that cannot be read is an error that keeps the password to itself", () => {
    const broken = (): unknown => at("https://a.example/", { HTTPS_PROXY: "http://u:hunter2@:port" });
    expect(broken).toThrow(/^HTTPS_PROXY is not/);
    expect(broken).not.toThrow(/hunter2/);
  });
});
