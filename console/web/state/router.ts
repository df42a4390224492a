import { computed, signal } from "@preact/signals";
import { expectArrival } from "./arrival.ts";

/** Where the page is: path and query, as the address bar has them. */
const location_ = signal(currentLocation());

function currentLocation(): { path: string; query: string } {
  return { path: location.pathname, query: location.search };
}

addEventListener("popstate", () => {
  if (location.pathname !== location_.value.path) expectArrival();
  move();
});

/** Takes the address as it stands in the bar now. */
function move(): void {
  location_.value = currentLocation();
}

export type PageName = "batches" | "batch" | "provisioning" | "labels" | "start";

export interface Route {
  readonly page: PageName;
  readonly account: string | undefined;
  readonly name: string | undefined;
}

/** `/acme/batches/d001` is the page of batch d001 of account acme. */
export const route = computed<Route>(() => {
  const [account, page, name] = location_.value.path.split("/").filter(Boolean).map(decoded);
  if (account === undefined) return { page: "start", account: undefined, name: undefined };
  if (page === "batches" && name !== undefined) return { page: "batch", account, name };
  if (page === "batches" || page === "provisioning" || page === "labels")
    return { page, account, name: undefined };
  return { page: "start", account, name: undefined };
});

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Typed by hand, and no name of anything.
    return part;
  }
}

export const query = computed(() => new URLSearchParams(location_.value.query));

/**
 * Goes to another address of the console.
 * @param o.replace back leads to where one was before
 * @param o.stay the keyboard stays where it is: what was chosen from is still there on the next page
 */
export function go(to: string, o: { replace?: boolean; stay?: boolean } = {}): void {
  const { replace = false, stay = false } = o;
  const before = location.pathname;
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  if (!replace && !stay && location.pathname !== before) expectArrival();
  move();
  if (!replace) scrollTo(0, 0);
}

/** For links: a plain click stays in the page, all else (a new tab, say) is the browser's. */
export function follow(event: MouseEvent): void {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (!(event.currentTarget instanceof HTMLAnchorElement)) return;
  event.preventDefault();
  go(event.currentTarget.pathname + event.currentTarget.search);
}

/** Changes the page's own address, which is what it shows. */
export function turnTo(changes: Readonly<Record<string, string | undefined>>): void {
  const next = new URLSearchParams(query.value);
  if (!("page" in changes)) next.delete("page");
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === "") next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  go(location.pathname + (text === "" ? "" : `?${text}`), { replace: true });
}
