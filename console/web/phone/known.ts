import type { Me } from "../../views/wire.ts";

const KEY = "certferry-known";

/** Who was here last, to go on as where the network has gone: a name and accounts, of no use to sign in. */
export function known(): Me | undefined {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "null");
    return isMe(kept) ? kept : undefined;
  } catch {
    return undefined;
  }
}

export function remember(me: Me | null): void {
  if (me === null) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, JSON.stringify(me));
}

function isMe(value: unknown): value is Me {
  return (
    typeof value === "object" &&
    value !== null &&
    "name" in value &&
    "accounts" in value &&
    Array.isArray(value.accounts)
  );
}
