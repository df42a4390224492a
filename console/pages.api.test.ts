import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Page } from "playwright-core";
import { findChromium } from "../tools/chromium/source.ts";
import { missingPart } from "../tools/setup/missing-part.ts";
import type { TestCloud } from "../test/clouds/index.ts";
import type { OperatorProcess } from "../test/harness/index.ts";
import { buildPages } from "./build/pages.ts";
import { qrPng } from "./qr/label.ts";
import { Pages } from "./server/pages.ts";
import { DESKTOP, PHONE, TestBrowser, flaws, overflow, picture, signIn } from "./testing/browser.ts";
import { manyBatches } from "./testing/many-batches.ts";
import { Site } from "./testing/site.ts";

const missing = await missingPart(findChromium());
/** A vendor's label leads to the vendor's host. */
const VENDORS = new URL("https://cirrent.infineon.com");
const MANY = 10_000;

describe.skipIf(missing !== undefined)(`the console's pages${missing ?? ""}`, () => {
  let site: Site;
  let browser: TestBrowser;
  let operator: OperatorProcess;
  let eu: TestCloud;
  let us: TestCloud;

  beforeAll(async () => {
    const [opened, started] = await Promise.all([
      Site.open({ pages: new Pages(await buildPages()) }),
      TestBrowser.open("https://cirrent.infineon.com/cloud-id?groupId=CAM-01"),
    ]);
    [site, browser] = [opened, started];
    const { field } = site;
    // The account with ten thousand batches is nobody's work here: it is only looked at.
    operator = await field.operator({ extraArgs: SERVED });
    [eu, us] = [await field.cloud("acme"), await field.cloud("acme")];
    await field.awsApi("acme", "aws-eu", eu, { default: true, displayName: "AWS Europe" });
    await field.awsApi("acme", "aws-us", us, { region: "us-east-1", displayName: "AWS Virginia" });
    await Promise.all(["aws-eu", "aws-us"].map((name) => field.awaitApi("acme", name, "True")));
  });

  afterEach(async () => await browser.clear());

  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  const SERVED = ["acme", "globex"].flatMap((account) => ["--watch-namespace", account]);

  /** A page of somebody who has signed in. */
  async function opened(person: string, path: string, options = DESKTOP): Promise<Page> {
    const page = await browser.page(options, site.console.url);
    await signIn(page, person, path);
    return page;
  }

  it("bind a reel on a desktop, and show how it goes into its cloud, by keyboard alone", async () => {
    await site.field.ship("D001", 4);
    const page = await opened("ada", "/acme/batches");
    await page.getByRole("heading", { name: "No batches yet" }).waitFor();
    await page.getByRole("button", { name: "Add devices" }).first().focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Add devices" }).waitFor();
    await page.keyboard.type("D001");
    expect(await flaws(page)).toEqual([]);
    await picture(page, "add");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/acme/batches/d001");
    await page.getByText("of 4 provisioned").waitFor();
    await page.getByRole("heading", { name: /D001.*Provisioned/u }).waitFor();
    await page.getByText("Bound reel D001").waitFor();
    expect(await flaws(page)).toEqual([]);
    expect(eu.registry.list()).toHaveLength(4);
    await picture(page, "batch");
    await page.getByRole("link", { name: "All batches" }).click();
    const row = page.getByRole("row", { name: /D001/u });
    await expect.poll(() => row.textContent()).toMatch(/Provisioned.*aws-eu.*ada.*Desktop/u);
  });

  it("leave no connection behind of a page that was left while its connection was lost", async () => {
    const page = await opened("ada", "/acme/batches");
    await page.getByRole("row", { name: /D001/u }).waitFor();
    let asked = 0;
    await page.route("**/api/accounts/acme/batches/d001", async (route) => {
      asked += 1;
      if (route.request().headers()["accept"] === "text/event-stream")
        return await route.abort("connectionreset");
      await page.getByRole("row", { name: /D001/u }).waitFor();
      return await route.continue();
    });
    await page.getByRole("link", { name: "D001" }).click();
    await expect.poll(() => asked).toBe(2);
    await page.getByRole("link", { name: "All batches" }).click();
    await page.getByRole("row", { name: /D001/u }).waitFor();
    // Longer than the pause after which it would have been opened anew.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(asked).toBe(2);
  });

  it("choose a second cloud, provision again, and delete once the name is typed", async () => {
    await site.field.ship("D002", 2);
    await site.field.batch("acme", "d002", { batchId: "D002" });
    const page = await opened("ada", "/acme/batches/d002");
    await page.getByRole("heading", { name: /Provisioned/u }).waitFor();
    await page.getByRole("button", { name: "Choose Cloud APIs" }).click();
    await page.getByRole("checkbox", { name: /AWS Virginia/u }).check();
    expect(await flaws(page)).toEqual([]);
    await page.getByRole("button", { name: "Apply" }).click();
    await expect.poll(() => us.registry.list().length).toBe(2);
    await page.getByRole("progressbar", { name: "aws-us: 2 of 2 devices provisioned" }).waitFor();
    await page.getByRole("button", { name: "Provision now" }).click();
    await page.getByText("Every device is provisioned again").waitFor();
    await expect.poll(() => us.received.of("provision").length).toBeGreaterThan(1);
    await page.getByRole("button", { name: "Delete" }).click();
    const confirm = page.getByRole("button", { name: "Delete batch" });
    expect(await confirm.isDisabled()).toBe(true);
    await page.getByLabel("Type d002 to confirm").fill("d002");
    expect(await flaws(page)).toEqual([]);
    await confirm.click();
    await page.getByRole("heading", { name: "This batch is gone" }).waitFor();
  });

  it("tell of a reel that another account has, and not whose it is", async () => {
    await site.field.ship("D003", 2);
    await site.field.batch("globex", "d003", { batchId: "D003", provisioning: "Manual" });
    await site.field.awaitBatch("globex", "d003", { type: "Bound", status: "True" });
    const page = await opened("finn", "/acme/batches");
    await page.getByRole("button", { name: "Add devices" }).first().click();
    // Who may only bind is offered no cloud.
    expect(await page.getByRole("radio").count()).toBe(0);
    await page.getByLabel("Product batch ID").fill("D003");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    // The time line tells it too, as soon as the event is there.
    await page.getByRole("status").filter({ hasText: "AlreadyBound" }).waitFor();
    await page.getByRole("heading", { name: /Needs attention/u }).waitFor();
    expect(await page.content()).not.toContain("globex");
    expect(await page.getByRole("button", { name: /Delete|Provision now/u }).count()).toBe(0);
    expect(await flaws(page)).toEqual([]);
  });

  it("follow a cloud that is down and comes back", async () => {
    await site.field.ship("D004", 2);
    await eu.down();
    await site.field.batch("acme", "d004", { batchId: "D004" });
    const page = await opened("vera", "/acme/batches/d004");
    await page
      .getByText(/ConnectionRefused/u)
      .first()
      .waitFor();
    expect(await flaws(page)).toEqual([]);
    await eu.up();
    await page.getByRole("heading", { name: /Provisioned/u }).waitFor();
    await page.getByText("of 2 provisioned").waitFor();
  });

  it("stay as they are while the operator is away, and go on when it is back", async () => {
    const page = await opened("ada", "/acme/batches");
    await page.getByRole("row", { name: /D001/u }).waitFor();
    await operator.stop();
    await site.field.ship("D005", 3);
    await page.getByRole("button", { name: "Add devices" }).first().click();
    await page.getByLabel("Product batch ID").fill("D005");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("heading", { name: /D005.*Waiting/u }).waitFor();
    operator = await site.field.operator({ extraArgs: SERVED });
    await page.getByRole("heading", { name: /D005.*Provisioned/u }).waitFor({ timeout: 40_000 });
    await expect.poll(() => page.getByText("of 3 provisioned").count()).toBe(1);
  });

  it("try a cloud before it is saved, say what is wrong with it, and switch automatic provisioning", async () => {
    const basic = { username: "certferry", password: "let me in" };
    const own = await site.field.cloud("acme", { basic });
    const page = await opened("ada", "/acme/provisioning");
    await page.getByRole("heading", { name: "AWS Europe" }).waitFor();
    await page.getByText("Connected").first().waitFor();
    expect(await flaws(page)).toEqual([]);
    await page.getByRole("button", { name: "Add Cloud API" }).click();
    await page.getByLabel("Name", { exact: true }).fill("Our own registry");
    await page.getByLabel("Account ID").fill("12");
    await page.getByText(/12 digits without hyphens/u).waitFor();
    expect(await flaws(page)).toEqual([]);
    await page.getByRole("radio", { name: /^Other/u }).check();
    await page.getByLabel("URL", { exact: true }).fill(own.url);
    await page.getByLabel("User", { exact: true }).fill("certferry");
    await page.getByLabel("Password").fill("wrong");
    await page.getByLabel(/Trusted certificates/u).fill(own.caPem);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("It does not work yet").waitFor();
    await picture(page, "cloud-refused");
    await page.getByLabel("Password").fill(basic.password);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Our own registry was saved").waitFor();
    await page.getByRole("heading", { name: "Our own registry" }).waitFor();
    const toggle = page.getByRole("switch");
    await toggle.click();
    await page.getByText("What is bound waits until somebody chooses").waitFor();
    await toggle.click();
    await page.getByLabel("Default Cloud API").selectOption("aws-eu");
    await page.getByText("What is bound from now on goes to AWS Europe").waitFor();
    expect((await site.field.cloudApis.get({ namespace: "acme", name: "aws-eu" })).spec.default).toBe(true);
    expect(await page.content()).not.toContain(basic.password);
    await picture(page, "provisioning");
    await page.getByRole("link", { name: "Batches" }).click();
    await page.getByRole("row", { name: /D005/u }).waitFor();
    await picture(page, "batches");
    await picture(page, "batches-dark", "dark");
    await page.getByLabel("Status").selectOption("Provisioned");
    await page.getByRole("button", { name: "Remove the filter Status: Provisioned" }).waitFor();
    expect(await flaws(page)).toEqual([]);
  });

  it("print labels whose codes lead to the console", async () => {
    const page = await opened("ada", "/acme/labels");
    await page.getByLabel("Batch IDs").fill("D001\nPUMP-45, D010");
    await page.getByRole("img", { name: "QR code of batch PUMP-45" }).waitFor();
    expect(await page.getByRole("listitem").count()).toBe(3);
    expect(await flaws(page)).toEqual([]);
    await picture(page, "labels");
  });

  it("hold ten thousand batches: first page, search, filter, and nothing pushed aside from 360 pixels to 4K", async () => {
    await manyBatches(site.field, "huge", MANY);
    const page = await opened("ada", "/huge/batches");
    await page.getByText("10,000 batches").waitFor();
    const before = performance.now();
    await page.getByLabel(/^Search/u).fill("b-04711");
    await page.getByText("1 batch", { exact: true }).waitFor();
    expect(performance.now() - before).toBeLessThan(3000);
    await page.getByLabel(/^Search/u).fill("");
    await page.getByLabel("Added by").selectOption("finn");
    await page.getByRole("button", { name: "Remove the filter Added by: finn" }).waitFor();
    await page.getByText("5,000 batches").waitFor();
    await page.getByRole("button", { name: "Next page" }).click();
    await page.getByText("Page 2 of 100").waitFor();
    for (const width of [360, 768, 1360, 3840]) {
      await page.setViewportSize({ width, height: 900 });
      expect(await overflow(page), `at ${width} pixels`).toBeLessThanOrEqual(0);
    }
    await page.getByRole("button", { name: /^Remove the filter/u }).click();
    await page.getByText("10,000 batches").waitFor();
  }, 120_000);

  describe("on a phone", () => {
    it("add a reel from a photo of a vendor's label, as somebody who may only bind", async () => {
      await site.field.ship("D006", 3);
      const page = await opened("finn", "/cloud-id", PHONE);
      const photo = { name: "label.png", mimeType: "image/png", buffer: qrPng(VENDORS, "D006") };
      await page.getByLabel("Use a photo").setInputFiles(photo);
      await expect.poll(() => page.getByLabel("Product batch ID").inputValue()).toBe("D006");
      expect(await page.getByLabel("Cloud API").count()).toBe(0);
      expect(await flaws(page)).toEqual([]);
      await picture(page, "phone-add");
      await page.getByRole("button", { name: "Add", exact: true }).click();
      await page.getByRole("progressbar", { name: "3 of 3 devices provisioned" }).waitFor();
      await picture(page, "phone-added", "dark");
      expect(await flaws(page)).toEqual([]);
      const batch = await site.field.batches.get({ namespace: "acme", name: "d006" });
      expect(batch.metadata.annotations).toMatchObject({
        "certferry.dev/added-by": "finn",
        "certferry.dev/added-from": "Phone",
      });
    });

    it("read the camera, and let an administrator choose the cloud", async () => {
      await site.field.ship("CAM-01", 2);
      const page = await opened("ada", "/cloud-id", PHONE);
      await page.getByRole("button", { name: "Scan QR code" }).click();
      await expect
        .poll(() => page.getByLabel("Product batch ID").inputValue(), { timeout: 15_000 })
        .toBe("CAM-01");
      await page.getByLabel("Cloud API").selectOption("aws-us");
      await page.getByRole("button", { name: "Add", exact: true }).click();
      await page.getByRole("progressbar", { name: "2 of 2 devices provisioned" }).waitFor();
      const batch = await site.field.batches.get({ namespace: "acme", name: "cam-01" });
      expect(batch.spec.cloudApis).toEqual([{ name: "aws-us" }]);
    });

    it("keep what was added while there is no network, over a reload, and send it once", async () => {
      await site.field.ship("D007", 2);
      const page = await opened("finn", "/cloud-id?groupId=D007", PHONE);
      await expect.poll(() => page.getByLabel("Product batch ID").inputValue()).toBe("D007");
      await page.evaluate("navigator.serviceWorker.ready.then(() => true)");
      await page.context().setOffline(true);
      await page.getByRole("button", { name: "Add", exact: true }).click();
      await page.getByText("Waiting for the network").waitFor();
      await page.getByText("No network").waitFor();
      expect(await flaws(page)).toEqual([]);
      await picture(page, "phone-offline");
      await page.reload();
      await page.getByText("Waiting for the network").waitFor();
      expect(await site.field.batches.find({ namespace: "acme", name: "d007" })).toBeUndefined();
      await page.context().setOffline(false);
      await page.getByRole("progressbar", { name: "2 of 2 devices provisioned" }).waitFor();
    });

    it("open when the network is there, and nothing comes of it", async () => {
      const page = await opened("finn", "/cloud-id", PHONE);
      await page.getByLabel("Product batch ID").waitFor();
      await page.evaluate("navigator.serviceWorker.ready.then(() => true)");
      let tries = 0;
      await page.context().route("**/cloud-id", async (route) => {
        tries += 1;
        if (tries === 1) return await route.fulfill({ status: 404, body: "default backend - 404" });
        return await new Promise(() => undefined);
      });
      await page.context().route("**/api/me", async () => await new Promise(() => undefined));
      await page.reload();
      await page.getByLabel("Product batch ID").waitFor();
      await page.reload({ waitUntil: "commit" });
      await page.getByLabel("Product batch ID").waitFor();
      expect(tries).toBe(2);
    });

    it("send once what was done although the answer was lost", async () => {
      await site.field.ship("D008", 2);
      const page = await opened("finn", "/cloud-id?groupId=D008", PHONE);
      let lost = 0;
      await page.route("**/api/accounts/acme/batches", async (route) => {
        if (lost > 0) return await route.continue();
        lost += 1;
        await route.fetch();
        return await route.abort("connectionreset");
      });
      await page.getByRole("button", { name: "Add", exact: true }).click();
      await page.getByRole("progressbar", { name: "2 of 2 devices provisioned" }).waitFor();
      expect(lost).toBe(1);
      await expect.poll(() => page.getByText("Not added").count()).toBe(0);
    });

    it("take no for an answer from the console alone, and not from what stands before it", async () => {
      await site.field.ship("D009", 2);
      const page = await opened("finn", "/cloud-id?groupId=D009", PHONE);
      let refused = 0;
      await page.route("**/api/accounts/acme/batches", async (route) => {
        refused += 1;
        // A gateway while the console is being updated, and a portal that wants a sign-in of its own.
        if (refused === 1) return await route.fulfill({ status: 404, body: "default backend - 404" });
        if (refused === 2) return await route.fulfill({ status: 200, body: "<p>Welcome to our network</p>" });
        return await route.continue();
      });
      await page.getByRole("button", { name: "Add", exact: true }).click();
      await page.getByRole("progressbar", { name: "2 of 2 devices provisioned" }).waitFor();
      expect(refused).toBe(3);
    });

    it("lose nothing when two of them are open and both write down what was added", async () => {
      const page = await opened("finn", "/cloud-id", PHONE);
      await page.getByLabel("Product batch ID").waitFor();
      await page.evaluate("navigator.serviceWorker.ready.then(() => true)");
      await page.context().setOffline(true);
      const other = await page.context().newPage();
      await other.goto("/cloud-id");
      await other.getByText("No network").waitFor();
      for (let n = 10; n < 30; n += 1) {
        const [here, there] = n % 2 === 0 ? [page, other] : [other, page];
        await here.getByLabel("Product batch ID").fill(`OFF-${n}`);
        await there.getByLabel("Product batch ID").fill(`OFF-${n + 50}`);
        await Promise.all(
          [here, there].map((each) => each.getByRole("button", { name: "Add", exact: true }).click()),
        );
      }
      // All of them are there to be seen, also those that were added first.
      for (const each of [page, other]) {
        await expect.poll(() => each.getByText("Waiting for the network").count()).toBe(40);
      }
    });

    it("forget who was there when they sign out without network, and end the session when it is back", async () => {
      const page = await opened("finn", "/cloud-id", PHONE);
      await page.getByLabel("Product batch ID").waitFor();
      await page.evaluate("navigator.serviceWorker.ready.then(() => true)");
      await page.context().setOffline(true);
      await page.getByRole("button", { name: "Sign out" }).click();
      await expect.poll(() => page.getByLabel("Product batch ID").count()).toBe(0);
      await page.context().setOffline(false);
      await page.reload();
      await page.getByRole("button", { name: "ada", exact: true }).click();
      await page.getByLabel("Product batch ID").waitFor();
      expect(await page.getByTitle("Signed in as ada").count()).toBe(1);
      await page.reload();
      await page.getByTitle("Signed in as ada").waitFor();
    });

    it("are what a phone that comes for the rest is sent to, and say that it is on a desktop", async () => {
      const page = await opened("finn", "/", PHONE);
      await page.waitForURL("**/cloud-id");
      await page.getByText("Everything else is on a desktop").waitFor();
      expect(await overflow(page)).toBeLessThanOrEqual(0);
    });
  });

  it("sign in and out, and keep no token where a script could read it", async () => {
    const page = await browser.page(DESKTOP, site.console.url);
    await page.goto("/acme/batches");
    await page.getByRole("heading", { name: "Certferry" }).waitFor();
    expect(await flaws(page)).toEqual([]);
    await picture(page, "sign-in");
    await page.getByLabel("Kubernetes token").fill("not-a-token-of-yours");
    await page.getByRole("button", { name: "Sign in with this token" }).click();
    await page.getByText("does not accept this token").waitFor();
    await page.getByRole("button", { name: "nobody", exact: true }).click();
    await page.getByText("You may not see the devicebatches of account acme").waitFor();
    expect(await flaws(page)).toEqual([]);
    const script = "JSON.stringify([document.cookie, localStorage, sessionStorage])";
    const readable = await page.evaluate<string>(script);
    expect(readable).not.toContain("token");
    expect(readable).not.toContain("certferry=");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Certferry" }).waitFor();
  });

  it("had nothing to complain of: no script failed, and the policy refused nothing", () => {
    expect(browser.complaints).toEqual([]);
  });
});
