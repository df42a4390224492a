import { foreignText } from "../../interop/caller/refusal.ts";

const JWT = /eyJ[\w-]{8,}(?:\.[\w-]*){0,2}/g;

/**
 * What a callee said, on its way to a terminal or a file: at most 200 printable characters, and nothing of what
 * it was sent to prove who is calling, should it have echoed that.
 * @param secrets texts that must not be shown
 */
export function excerpt(text: string, secrets: readonly string[]): string {
  let shown = text.slice(0, 20_000);
  for (const secret of secrets) if (secret !== "") shown = shown.replaceAll(secret, "(withheld)");
  shown = shown.replaceAll(JWT, "(token)");
  return shown.trim() === "" ? "nothing" : foreignText(shown);
}
