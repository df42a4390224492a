import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { CHROMIUM_FLAGS, findChromium } from "../../tools/chromium/source.ts";
import { reapFolder } from "../../tools/process/reaper.ts";
import { filmOf } from "./pictures.ts";

const IMAGES = resolve(import.meta.dirname, "../../docs/images");
/** With it the run leaves pictures of the pages in docs/images. */
const PICTURES = process.env["CERTFERRY_PICTURES"] === "1";

export const DESKTOP: BrowserContextOptions = { viewport: { width: 1360, height: 860 } };
export const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};

/** A real browser whose camera is held before a QR code. */
export class TestBrowser {
  readonly #browser: Browser;
  readonly #folder: string;
  readonly #contexts: BrowserContext[] = [];
  /** What pages complained of: refused by the policy, failed scripts. */
  readonly complaints: string[] = [];

  private constructor(browser: Browser, folder: string) {
    this.#browser = browser;
    this.#folder = folder;
  }

  /** @param seen what the QR code before the camera says */
  static async open(seen: string): Promise<TestBrowser> {
    const folder = await mkdtemp(join(tmpdir(), "certferry-browser-"));
    reapFolder(folder);
    const film = join(folder, "camera.y4m");
    await writeFile(film, filmOf(seen));
    const browser = await chromium.launch({
      executablePath: await findChromium(),
      args: [
        ...CHROMIUM_FLAGS,
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        `--use-file-for-fake-video-capture=${film}`,
      ],
    });
    return new TestBrowser(browser, folder);
  }

  /** A page of a browser that nobody has used before. */
  async page(options: BrowserContextOptions, base: URL): Promise<Page> {
    const context = await this.#browser.newContext({
      ...options,
      baseURL: base.origin,
      locale: "en-GB",
      // Colours that are on their way from one to another are neither.
      reducedMotion: "reduce",
    });
    this.#contexts.push(context);
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    page.on("pageerror", ({ message }) => this.complaints.push(message));
    page.on("console", (message) => {
      const text = message.text();
      if (message.type() === "error" && !text.startsWith("Failed to load resource"))
        this.complaints.push(text);
    });
    return page;
  }

  /** Closes the pages of a test. */
  async clear(): Promise<void> {
    await Promise.all(this.#contexts.splice(0).map((context) => context.close()));
  }

  async close(): Promise<void> {
    await this.clear();
    await this.#browser.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Signs in as one of those that the console knows, and opens a page. */
export async function signIn(page: Page, person: string, path: string): Promise<void> {
  await page.goto(path);
  await page.getByRole("button", { name: person, exact: true }).click();
}

/** Has the page in one theme; undefined: as the system says. (As text, because these are the page's own types.) */
async function wear(page: Page, theme: "light" | "dark" | undefined): Promise<void> {
  const change =
    theme === undefined ? `removeAttribute("data-theme")` : `setAttribute("data-theme", "${theme}")`;
  await page.evaluate(`document.documentElement.${change}`);
}

/** What axe finds wrong with the page as it is, in both themes; each with where it is. */
export async function flaws(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const theme of ["light", "dark"] as const) {
    await wear(page, theme);
    const { violations } = await new AxeBuilder({ page }).analyze();
    for (const { help, nodes } of violations) {
      found.push(
        ...nodes.map(({ failureSummary, html }) => `${theme}: ${help}: ${html}: ${failureSummary ?? ""}`),
      );
    }
  }
  await wear(page, undefined);
  return found;
}

/** How far the page can be pushed sideways, in pixels: nobody should have to. */
export async function overflow(page: Page): Promise<number> {
  const script = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
  return await page.evaluate<number>(script);
}

/** Leaves a picture of the page in docs/images, where that was asked for. */
export async function picture(page: Page, name: string, theme: "light" | "dark" = "light"): Promise<void> {
  if (!PICTURES) return;
  await mkdir(IMAGES, { recursive: true });
  await wear(page, theme);
  await page.screenshot({ path: join(IMAGES, `console-${name}.png`), animations: "disabled" });
  await wear(page, undefined);
}
