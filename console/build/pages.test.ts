import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { t } from "../web/texts/index.ts";
import { buildPages } from "./pages.ts";

const MOST_BYTES = 60_000;

describe("the built pages", () => {
  let files: Map<string, Uint8Array>;
  const text = (path: string): string => Buffer.from(files.get(path) ?? []).toString("utf8");

  beforeAll(async () => {
    files = await buildPages();
  });

  /** What a page loads before anything is pressed: its scripts, and what they import. */
  function firstLoad(page: string): string[] {
    const wanted = [...text(page).matchAll(/src="(?<path>\/assets\/[^"]+\.js)"/gu)].map(
      ({ groups }) => groups?.["path"] ?? "",
    );
    for (const path of wanted) {
      for (const { groups } of text(path).matchAll(/(?:from|import)"(?<path>[^"]+\.js)"/gu)) {
        const imported = `/assets/${groups?.["path"]?.split("/").at(-1) ?? ""}`;
        if (!wanted.includes(imported)) wanted.push(imported);
      }
    }
    return wanted;
  }

  it.each(["/index.html", "/phone.html"])("%s loads less than 60 kB of script, gzipped", (page) => {
    const scripts = firstLoad(page);
    expect(scripts.length).toBeGreaterThan(2);
    const sizes = scripts.map((path) => gzipSync(files.get(path) ?? new Uint8Array()).length);
    for (const size of sizes) expect(size).toBeGreaterThan(20);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MOST_BYTES);
  });

  it("have no script or style in the page itself, and nothing from elsewhere", () => {
    for (const page of ["/index.html", "/phone.html"]) {
      expect(text(page)).not.toMatch(/<script>|<style|style="|\son\w+="|\{\{/u);
      for (const [, address] of text(page).matchAll(/(?:src|href)="([^"]*)"/gu))
        expect(address).toMatch(/^\//u);
    }
  });

  it("are in the language of their texts, before any script has run", () => {
    for (const page of ["/index.html", "/phone.html"]) {
      expect(text(page)).toContain(`<html lang="${t.language}">`);
      expect(text(page)).toContain(`<noscript>${t.noScript}</noscript>`);
    }
    expect(text("/phone.html")).toContain(`<title>${t.phone.title} · ${t.product}</title>`);
  });

  it("are the same whenever they are made of the same sources", async () => {
    const again = await buildPages();
    expect([...again.keys()]).toEqual([...files.keys()]);
    for (const [path, content] of again)
      expect(Buffer.from(content).equals(files.get(path) ?? new Uint8Array()), path).toBe(true);
  });

  it("has a service worker that keeps what the phone's page loads, and each of it is there", () => {
    const kept = [...text("/sw.js").matchAll(/"(?<path>\/assets\/[^"]+)"/gu)].map(
      ({ groups }) => groups?.["path"] ?? "",
    );
    expect(kept).toEqual(expect.arrayContaining(firstLoad("/phone.html")));
    for (const path of kept) expect(files.has(path), path).toBe(true);
  });
});
