import { signal } from "@preact/signals";
import type { AccountRights, Me } from "../../views/wire.ts";
import { expectArrival } from "./arrival.ts";
import { Refused, at, call, post } from "./api.ts";

/** Undefined: not known yet. Null: nobody. */
export const me = signal<Me | null | undefined>(undefined);
/** What the person may do in the account that is looked at. */
export const rights = signal<AccountRights | undefined>(undefined);
/** Whether the page hears of changes. */
export const connected = signal(true);
/** Why the console cannot be asked who one is. */
export const startProblem = signal<Refused | undefined>(undefined);

const NO_RIGHTS: AccountRights = {
  seeBatches: false,
  bind: false,
  manifest: false,
  change: false,
  remove: false,
  seeClouds: false,
  editClouds: false,
  useClouds: false,
};

/** Set while somebody has signed out here and the console has not been told yet. */
const LEAVING = "certferry-signing-out";

/**
 * Ends the session of whoever has signed out while the console could not be reached. Before that nobody is let in.
 * @throws Refused
 */
export async function endLeft(): Promise<void> {
  if (localStorage.getItem(LEAVING) === null) return;
  await post("/api/sign-out");
  localStorage.removeItem(LEAVING);
}

/** Asks who is signed in. */
export async function findMe(): Promise<void> {
  try {
    await endLeft();
    me.value = await call<Me>("/api/me");
    startProblem.value = undefined;
  } catch (error) {
    if (localStorage.getItem(LEAVING) !== null) signedOut();
    else if (error instanceof Refused && error.isConsoles && error.status === 401) me.value = null;
    else if (error instanceof Refused) startProblem.value = error;
    else throw error;
  }
}

export async function findRights(account: string): Promise<void> {
  try {
    rights.value = await call<AccountRights>(at(account, "rights"));
  } catch (error) {
    if (error instanceof Refused && error.isConsoles && error.status === 401) signedOut();
    rights.value = NO_RIGHTS;
  }
}

export function signedOut(): void {
  if (me.value !== undefined && me.value !== null) expectArrival();
  me.value = null;
  rights.value = undefined;
}

export async function signOut(): Promise<void> {
  localStorage.setItem(LEAVING, "");
  try {
    await endLeft();
  } finally {
    signedOut();
  }
}
