import { access, readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";

const FENCE = /^(```|~~~)[\s\S]*?^\1/gm;
const INLINE_CODE = /`[^`\n]*`/g;
const LINK = /\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g;
const HEADING = /^#{1,6}\s+(.*)$/gm;
const EXPLICIT_ANCHOR = /<a\s+(?:id|name)="([^"]+)"/g;

/**
 * The links within the given Markdown files (paths under `root`) that lead to no file, or to no heading of it.
 * Addresses on the web are not looked at.
 */
export async function brokenLinks(root: string, files: readonly string[]): Promise<string[]> {
  const broken: string[] = [];
  for (const file of files) {
    const text = (await readFile(join(root, file), "utf8")).replaceAll(FENCE, "").replaceAll(INLINE_CODE, "");
    for (const [, target] of text.matchAll(LINK)) {
      if (target === undefined || /^[a-z][a-z+.-]*:/i.test(target)) continue;
      const why = await whyBroken(root, file, target);
      if (why !== undefined) broken.push(`${file}: ${target}: ${why}`);
    }
  }
  return broken;
}

async function whyBroken(root: string, file: string, target: string): Promise<string | undefined> {
  const [path = "", anchor] = target.split("#", 2);
  const decoded = decodeURIComponent(path);
  const base = decoded.startsWith("/") ? root : resolve(root, dirname(file));
  const destination = path === "" ? resolve(root, file) : join(base, decoded);
  if (relative(root, destination).startsWith("..")) return "leads out of the repository";
  const exists = await access(destination).then(
    () => true,
    () => false,
  );
  if (!exists) return "there is no such file";
  if (anchor === undefined || !destination.endsWith(".md")) return undefined;
  const anchors = anchorsOf(await readFile(destination, "utf8"));
  return anchors.has(decodeURIComponent(anchor).toLowerCase()) ? undefined : "there is no such heading";
}

/** As GitHub makes them: lower case, spaces to hyphens, punctuation dropped, -1, -2 for a heading again. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of text.replaceAll(FENCE, "").matchAll(HEADING)) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").trim();
    const slug = plain
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    let anchor = slug;
    for (let again = 1; anchors.has(anchor); again += 1) anchor = `${slug}-${again}`;
    anchors.add(anchor);
  }
  for (const [, id = ""] of text.matchAll(EXPLICIT_ANCHOR)) anchors.add(id.toLowerCase());
  return anchors;
}
