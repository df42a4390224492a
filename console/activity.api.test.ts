import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Page } from "playwright-core";
import { CHECK_REQUESTED_AT } from "../crds/index.ts";
import { CAPABILITIES } from "../interop/protocol/capabilities.ts";
import type { TestCloud } from "../test/clouds/index.ts";
import { eventually } from "../test/harness/index.ts";
import { findChromium } from "../tools/chromium/source.ts";
import { missingPart } from "../tools/setup/missing-part.ts";
import { buildPages } from "./build/pages.ts";
import { Pages } from "./server/pages.ts";
import { DESKTOP, TestBrowser, flaws, overflow, PHONE, signIn } from "./testing/browser.ts";
import { Site } from "./testing/site.ts";
import type { BatchDetail, Provisioning } from "./views/wire.ts";

const missing = await missingPart(findChromium());
const BATCH = "/api/accounts/acme/batches/a001";

let site: Site;
let cloud: TestCloud;

beforeAll(async () => {
  site = await Site.open({
    pages: new Pages(missing === undefined ? await buildPages() : new Map()),
  });
  const { field } = site;
  await field.operator();
  cloud = await field.cloud("acme", { capabilities: CAPABILITIES });
  await field.awsApi("acme", "telling", cloud, { displayName: "AWS that tells" });
  await field.awsApi("acme", "silent", await field.cloud("acme"), { region: "us-east-1" });
  await field.ship("A001", 4);
  const cloudApis = [{ name: "telling" }, { name: "silent" }];
  await field.batch("acme", "a001", { batchId: "A001", cloudApis }, { [CHECK_REQUESTED_AT]: "first" });
  await field.awaitReady("acme", "a001");
  await asked("first");
});

afterAll(async () => {
  await site?.close();
});

/** Resolves when the cloud has told for this request, or for any but `not`. */
async function asked(request: string | undefined, not?: string): Promise<string> {
  return await eventually(async (signal) => {
    const { status } = await site.field.batches.get({ namespace: "acme", name: "a001" }, signal);
    const told = status?.clouds?.find(({ name }) => name === "telling")?.activity?.request;
    return told !== undefined && told !== not && (request === undefined || told === request)
      ? told
      : undefined;
  });
}

describe("how devices stand", () => {
  it("is told of each cloud that tells, and of all together; who may change a batch may have it asked", async () => {
    const ada = await site.as("ada");
    const detail = (await ada.get(BATCH)).json as unknown as BatchDetail;
    const [telling, silent] = detail.clouds;
    expect(telling?.activity).toMatchObject({ asked: 4, active: 4, differing: 0, differences: [] });
    expect(silent).not.toHaveProperty("activity");
    const page = (await ada.get("/api/accounts/acme/provisioning")).json as unknown as Provisioning;
    const told = { asked: 4, active: 4, differing: 0, oldest: telling?.activity?.toldAt };
    expect(page.counters.told).toEqual(told);
    expect(page.clouds.map(({ name, told }) => [name, told?.active])).toEqual(
      expect.arrayContaining([
        ["telling", 4],
        ["silent", undefined],
      ]),
    );
    const vera = await site.as("vera");
    expect((await vera.post(`${BATCH}/check`, {})).status).toBe(403);
    expect((await ada.post(`${BATCH}/check`, {})).status).toBe(200);
    await asked(undefined, "first");
  });
});

describe.skipIf(missing !== undefined)(`the pages${missing ?? ""}`, () => {
  let browser: TestBrowser;

  beforeAll(async () => {
    browser = await TestBrowser.open("https://cirrent.infineon.com/cloud-id?groupId=CAM-01");
  });

  afterEach(async () => await browser.clear());

  afterAll(async () => {
    await browser?.close();
  });

  async function opened(person: string, path: string, options = DESKTOP): Promise<Page> {
    const page = await browser.page(options, site.console.url);
    await signIn(page, person, path);
    return page;
  }

  it("show which devices have vanished once somebody asks, and that they are back", async () => {
    const page = await opened("ada", "/acme/batches/a001");
    await page.getByText("4 of 4 devices that it was asked about are active").waitFor();
    expect(cloud.registry.lose(cloud.registry.list()[2]?.name ?? "")).toBe(true);
    await page.getByRole("button", { name: "Check now" }).click();
    await page.getByText("The clouds are asked how the devices stand").waitFor();
    await page.getByText("3 of 4 devices that it was asked about are active").waitFor();
    await page.getByText("1 differs").waitFor();
    await page.getByText("Missing").first().waitFor();
    expect(await flaws(page)).toEqual([]);
    const clouds = await opened("vera", "/acme/provisioning");
    await clouds.getByText(/3 of 4 asked, oldest answer/u).waitFor();
    expect(await flaws(clouds)).toEqual([]);
    await page.getByRole("button", { name: "Provision now" }).click();
    // Nobody asks for it: the cloud is asked anew when it has been given its devices.
    await page.getByText("4 of 4 devices that it was asked about are active").waitFor({ timeout: 60_000 });
    expect(browser.complaints).toEqual([]);
  }, 90_000);

  it("fit a phone's width, and offer nothing to those who may only look", async () => {
    const page = await opened("vera", "/acme/batches/a001", PHONE);
    await page.getByText(/devices that it was asked about are active/u).waitFor();
    expect(await page.getByRole("button", { name: "Check now" }).count()).toBe(0);
    expect(await overflow(page)).toBe(0);
  });
});
