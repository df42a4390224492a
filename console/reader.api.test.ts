import type { Page, Request } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { findChromium } from "../tools/chromium/source.ts";
import { missingPart } from "../tools/setup/missing-part.ts";
import { buildPages } from "./build/pages.ts";
import { Pages } from "./server/pages.ts";
import { DESKTOP, TestBrowser, flaws, signIn } from "./testing/browser.ts";
import { Site } from "./testing/site.ts";

const missing = await missingPart(findChromium());

describe.skipIf(missing !== undefined)(`who reads the console's pages${missing ?? ""}`, () => {
  let site: Site;
  let browser: TestBrowser;

  beforeAll(async () => {
    [site, browser] = await Promise.all([
      Site.open({ pages: new Pages(await buildPages()), accounts: ["acme", "globex"] }),
      TestBrowser.open("https://console.example/cloud-id?groupId=D001"),
    ]);
    await site.field.ship("D001", 2);
    await site.field.batch("acme", "d001", { batchId: "D001" });
  });

  afterEach(async () => await browser.clear());

  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  async function opened(person: string, path: string): Promise<Page> {
    const page = await browser.page(DESKTOP, site.console.url);
    await signIn(page, person, path);
    return page;
  }

  it("is taken to the heading of each page by the keyboard, and told its title", async () => {
    const page = await opened("ada", "/acme/batches");
    const heading = (text: string) => page.locator("h1:focus").filter({ hasText: text });
    const told = (title: string) => page.getByRole("status").filter({ hasText: title });
    await heading("Batches").waitFor();
    await page.getByRole("link", { name: "D001" }).focus();
    await page.keyboard.press("Enter");
    await heading("D001").waitFor();
    await told("D001 · acme · Certferry").waitFor();
    expect(await flaws(page)).toEqual([]);
    // What comes next by the keyboard is what stands below the heading.
    await page.keyboard.press("Tab");
    expect(await page.locator("main button:focus, main a:focus").count()).toBe(1);
    await page.goBack();
    await heading("Batches").waitFor();
    await told("Batches · acme · Certferry").waitFor();
    await page.getByRole("link", { name: "Provisioning" }).press("Enter");
    await heading("Provisioning").waitFor();
    await page.getByRole("link", { name: "Labels" }).press("Enter");
    await heading("Labels").waitFor();
    await told("Labels · Certferry").waitFor();
    await page.getByRole("button", { name: "Sign out" }).press("Enter");
    await heading("Certferry").waitFor();
    expect(await flaws(page)).toEqual([]);
  });

  it("comes to the page of what was just added, and not back to a button that is gone", async () => {
    const page = await opened("ada", "/acme/batches");
    await page.getByRole("button", { name: "Add devices" }).first().press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.type("D002");
    await page.keyboard.press("Enter");
    await page.locator("h1:focus").filter({ hasText: "D002" }).waitFor();
    expect(await page.getByRole("dialog").count()).toBe(0);
  });

  it("goes on at the heading when what the keyboard was at is deleted", async () => {
    await site.field.batch("acme", "d004", { batchId: "D004" });
    const page = await opened("ada", "/acme/batches/d004");
    await page.getByRole("button", { name: "Delete" }).press("Enter");
    await page.getByLabel("Type d004 to confirm").fill("d004");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "This batch is gone" }).waitFor();
    await expect.poll(() => page.locator("h1:focus").textContent()).toContain("d004");
  });

  it("has no connection open while the page is hidden for long, and sees it as it is when it is shown", async () => {
    await site.field.batch("acme", "d003", { batchId: "D003" });
    const page = await browser.page(DESKTOP, site.console.url);
    await page.clock.install();
    let streams = 0;
    const isStream = (request: Request): boolean => request.headers()["accept"] === "text/event-stream";
    page.on("request", (request) => (streams += isStream(request) ? 1 : 0));
    page.on("requestfailed", (request) => (streams -= isStream(request) ? 1 : 0));
    page.on("requestfinished", (request) => (streams -= isStream(request) ? 1 : 0));
    await signIn(page, "ada", "/acme/batches/d003");
    await page.locator("h1").filter({ hasText: "D003 Waiting" }).waitFor();
    expect(streams).toBe(1);
    await see(page, "hidden");
    await page.clock.fastForward("01:00");
    await see(page, "visible");
    await page.clock.fastForward("30:00");
    expect(streams).toBe(1);
    await see(page, "hidden");
    await page.clock.fastForward("06:00");
    await expect.poll(() => streams).toBe(0);
    await site.field.batches.patch({ namespace: "acme", name: "d003" }, { spec: { suspend: true } }, {});
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await page.locator("h1").textContent()).toMatch(/Waiting/u);
    expect(streams).toBe(0);
    await see(page, "visible");
    await page.locator("h1").filter({ hasText: "D003 Suspended" }).waitFor();
    expect(streams).toBe(1);
  });

  it("is told why signing in at the provider did not work, in the pages' own words", async () => {
    const page = await browser.page(DESKTOP, site.console.url);
    await page.goto("/?sign-in=EmailUnverified");
    await page.getByRole("alert").filter({ hasText: "has not verified your email address" }).waitFor();
    expect(await flaws(page)).toEqual([]);
    expect(new URL(page.url()).search).toBe("");
    await page.goto("/?sign-in=constructor");
    await page.getByRole("alert").filter({ hasText: "That did not work" }).waitFor();
  });

  it("stays where they choose the account, and is told whose page it is now", async () => {
    const page = await opened("ada", "/acme/batches");
    await page.getByLabel("Account").waitFor();
    await page.goto("/globex/batches");
    await page.getByLabel("Account").focus();
    await page.getByLabel("Account").selectOption("acme");
    await page.getByRole("status").filter({ hasText: "Batches · acme · Certferry" }).waitFor();
    expect(await page.locator("select:focus").count()).toBe(1);
  });
});

/** Has the page believe that it is shown, or in a tab behind another. (As text, because these are the page's own types.) */
async function see(page: Page, state: "visible" | "hidden"): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "${state}" });
    document.dispatchEvent(new Event("visibilitychange"));
  `);
}
