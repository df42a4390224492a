import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Page } from "playwright-core";
import { findChromium } from "../tools/chromium/source.ts";
import { missingPart } from "../tools/setup/missing-part.ts";
import { apply, eventually } from "../test/harness/index.ts";
import { buildPages } from "./build/pages.ts";
import { Pages } from "./server/pages.ts";
import { DESKTOP, PHONE, TestBrowser, flaws, overflow, signIn } from "./testing/browser.ts";
import { Site, mayGetBatches } from "./testing/site.ts";

const missing = await missingPart(findChromium());
const REELS = ["ADD-1", "ADD-2", "ADD-3", "ADD-4", "ADD-5"];
const TAKEN = "ADD-9";

describe.skipIf(missing !== undefined)(`what a person who adds reels is told${missing ?? ""}`, () => {
  let site: Site;
  let browser: TestBrowser;

  beforeAll(async () => {
    [site, browser] = await Promise.all([
      Site.open({ pages: new Pages(await buildPages()) }),
      TestBrowser.open("https://cirrent.infineon.com/cloud-id?groupId=CAM-01"),
    ]);
    const { field } = site;
    await field.operator({ extraArgs: ["acme", "globex"].flatMap((name) => ["--watch-namespace", name]) });
    const cloud = await field.cloud("acme");
    await field.awsApi("acme", "aws-frankfurt", cloud, { default: true });
    await field.awaitApi("acme", "aws-frankfurt", "True");
    for (const id of REELS) await field.ship(id, 2);
    await field.ship(TAKEN, 2);
    await field.batch("globex", "theirs", { batchId: TAKEN, provisioning: "Manual" });
    await field.awaitBatch("globex", "theirs", { type: "Bound", status: "True" });
  });

  afterEach(async () => await browser.clear());

  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  async function opened(person: string, path: string, options = DESKTOP): Promise<Page> {
    const page = await browser.page(options, site.console.url);
    await signIn(page, person, path);
    return page;
  }

  async function add(page: Page, batchId: string): Promise<void> {
    await page.getByLabel("Product batch ID").fill(batchId);
    await page.getByRole("button", { name: "Add", exact: true }).click();
  }

  it("on a phone, of each reel that is shown: how far it is, also when the page is opened anew", async () => {
    const page = await opened("finn", "/cloud-id", PHONE);
    const arrived = page.locator(".reel .pill").filter({ hasText: "Provisioned" });
    for (const id of REELS) await add(page, id);
    await expect.poll(() => arrived.count(), { timeout: 30_000 }).toBe(REELS.length);
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)");
    await page.reload();
    await expect.poll(() => arrived.count()).toBe(REELS.length);
    expect(await page.getByText("Sent", { exact: true }).count()).toBe(0);
    expect(await page.getByRole("progressbar", { name: "2 of 2 devices provisioned" }).count()).toBe(5);
    expect(await flaws(page)).toEqual([]);
    // Without network they stay as they were last known.
    await page.context().setOffline(true);
    await page.reload();
    await page.getByText("No network").waitFor();
    expect(await arrived.count()).toBe(REELS.length);
    await page.context().setOffline(false);
    // The first of them is no longer followed at once, and is asked about when somebody looks.
    await site.field.batches.delete({ namespace: "acme", name: "add-1" });
    await eventually(
      async () => (await site.field.batches.find({ namespace: "acme", name: "add-1" })) === undefined,
    );
    await page.evaluate(`document.dispatchEvent(new Event("visibilitychange"))`);
    await expect.poll(() => arrived.count()).toBe(REELS.length - 1);
  });

  it("on a phone, of a link that names no reel: that it names none", async () => {
    const page = await opened("finn", "/cloud-id?groupId=%20<b>", PHONE);
    await page.getByText("The link names no reel").waitFor();
    expect(await page.getByLabel("Product batch ID").inputValue()).toBe("");
    expect(await flaws(page)).toEqual([]);
    await page.getByLabel("Product batch ID").fill("ADD-1");
    await expect.poll(() => page.getByText("The link names no reel").count()).toBe(0);
    await page.goto("/cloud-id");
    await page.getByLabel("Product batch ID").waitFor();
    expect(await page.getByText("The link names no reel").count()).toBe(0);
  });

  it("of a reel that another account has: no word that it went well, and why not when it is added again", async () => {
    const page = await opened("finn", "/acme/batches");
    await page.getByRole("button", { name: "Add devices" }).first().click();
    await add(page, TAKEN);
    await page.getByRole("heading", { name: /Needs attention/u }).waitFor();
    // What is said for some seconds would still be there.
    expect(await page.locator(".toast").allTextContents()).toEqual([]);
    const phone = await opened("finn", "/cloud-id", PHONE);
    await add(phone, TAKEN);
    const refused = phone.locator(".reel").filter({ hasText: "Not added" });
    await refused.getByText(/added batch ADD-9 already.*bound to another account/u).waitFor();
    expect(await phone.content()).not.toContain("globex");
  });

  it("of a batch that stands in the way: that it is being deleted, or is another reel's", async () => {
    const finn = await site.as("finn");
    const again = async (batchId: string): Promise<unknown> => {
      const request = { batchId, from: "Phone", request: crypto.randomUUID() };
      return (await finn.post("/api/accounts/acme/batches", request)).json["detail"];
    };
    const at = { namespace: "acme", name: "add-7" };
    await site.field.batch("acme", at.name, { batchId: "ADD-7", suspend: true });
    expect(await again("ADD-7")).toBe("Your account has added batch ADD-7 already.");
    await site.field.batches.patch(at, { metadata: { finalizers: ["example.com/held"] } });
    await site.field.batches.delete(at);
    expect(await again("ADD-7")).toMatch(/already, and it is being deleted\. Add it again/u);
    await site.field.batches.patch(at, { metadata: { finalizers: null } });
    await site.field.batch("acme", "add-8", { batchId: "OTHER-8", suspend: true });
    expect(await again("ADD-8")).toMatch(/batch named add-8, which is of reel OTHER-8/u);
  });

  it("of a reel that is not there: that it is not there, and of one that one may not see, that", async () => {
    await site.field.batch("acme", "nowhere", { batchId: "NOWHERE" });
    const page = await opened("ada", "/acme/batches/nowhere");
    await page.getByText("There is no reel NOWHERE in the cluster").waitFor();
    expect(await page.getByText("You may not see").count()).toBe(0);
    await apply(site.field.client, mayGetBatches("nobody"));
    const nobody = await site.as("nobody");
    const hidden = await eventually(async () => {
      const { json, status } = await nobody.get("/api/accounts/acme/batches/add-2");
      return status === 200 ? json : undefined;
    });
    expect(hidden).toMatchObject({ batchId: "ADD-2", reelHidden: true });
  });

  it("in a table whose columns are all to be seen", async () => {
    await site.field.ship("ADD-6", 2);
    await site.field.awsApi("acme", "aws-virginia", await site.field.cloud("acme"), { region: "us-east-1" });
    await site.field.batch(
      "acme",
      "pump-controllers-week-45",
      { batchId: "ADD-6", cloudApis: [{ name: "aws-frankfurt" }, { name: "aws-virginia" }] },
      {
        "certferry.dev/added-by": "oidc:augusta.lovelace@example.com",
        "certferry.dev/added-from": "Desktop",
      },
    );
    await site.field.awaitReady("acme", "pump-controllers-week-45");
    const page = await opened("ada", "/acme/batches");
    await page.getByRole("row", { name: /ADD-6.*aws-virginia/u }).waitFor();
    const hidden = `(() => { const f = document.querySelector(".table-frame"); return f.scrollWidth - f.clientWidth; })()`;
    for (const width of [1600, 1280, 1024, 1001, 800, 390]) {
      await page.setViewportSize({ width, height: 800 });
      expect(await page.evaluate<number>(hidden), `at ${width} pixels`).toBeLessThanOrEqual(0);
      expect(await overflow(page), `at ${width} pixels`).toBeLessThanOrEqual(0);
    }
    expect(await flaws(page)).toEqual([]);
  });

  it("had nothing to complain of: no script failed, and the policy refused nothing", () => {
    expect(browser.complaints).toEqual([]);
  });
});
