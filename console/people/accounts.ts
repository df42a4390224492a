import { ACCOUNT_LABEL, kinds } from "../../crds/kinds.ts";
import { ApiError } from "../../operator/runtime/api-error.ts";
import type { KubeClient } from "../../operator/runtime/client.ts";
import { monotonic } from "../../operator/runtime/clock.ts";
import type { KubeObject, ResourceKind } from "../../operator/runtime/objects.ts";
import type { AccountRights } from "../views/wire.ts";
import type { Rights } from "./rights.ts";

const NAMESPACE: ResourceKind = {
  group: "",
  version: "v1",
  plural: "namespaces",
  kind: "Namespace",
  namespaced: false,
};
const FRESH_MS = 10_000;
const MAX_ACCOUNTS = 500;
const AT_ONCE = 8;

/** Which namespaces are accounts: those that were told, else those with the account's label, as the console sees them. */
export class Accounts {
  readonly #client: KubeClient;
  readonly #told: readonly string[];
  #known: { readonly at: number; readonly names: readonly string[] } | undefined;

  /** @param client of the console's own; it lists namespaces, and nothing else */
  constructor(client: KubeClient, told: readonly string[]) {
    this.#client = client;
    this.#told = told;
  }

  /** The accounts whose batches a person may see or bind; nobody is told of others. */
  async of(rights: Rights, signal: AbortSignal): Promise<string[]> {
    const names = await this.#all(signal);
    const mine: string[] = [];
    for (let at = 0; at < names.length; at += AT_ONCE) {
      const some = names.slice(at, at + AT_ONCE);
      const allowed = await Promise.all(some.map((name) => maySee(rights, name, signal)));
      mine.push(...some.filter((_, index) => allowed[index]));
    }
    return mine;
  }

  async #all(signal: AbortSignal): Promise<readonly string[]> {
    if (this.#told.length > 0) return this.#told;
    const now = monotonic(this.#client.clock);
    if (this.#known !== undefined && now - this.#known.at < FRESH_MS) return this.#known.names;
    try {
      const labelSelector = `${ACCOUNT_LABEL}=true`;
      const { items } = await this.#client.resource<KubeObject>(NAMESPACE).list({ labelSelector }, signal);
      const names = items.map(({ metadata }) => metadata.name).sort();
      this.#known = { at: now, names: names.slice(0, MAX_ACCOUNTS) };
      return this.#known.names;
    } catch (error) {
      // A console without that right serves whoever knows the name of their account.
      if (error instanceof ApiError && error.status === 403) return [];
      throw error;
    }
  }
}

async function maySee(rights: Rights, namespace: string, signal: AbortSignal): Promise<boolean> {
  const { group, plural: resource } = kinds.DeviceBatch;
  const ask = { group, resource, namespace };
  return (
    (await rights.may({ verb: "list", ...ask }, signal)) ||
    (await rights.may({ verb: "create", ...ask }, signal))
  );
}

/** What a person may do in an account, for the page to offer no more than that. What counts is said at each write. */
export async function rightsIn(
  rights: Rights,
  namespace: string,
  signal: AbortSignal,
): Promise<AccountRights> {
  const may = async (verb: string, kind: { group: string; plural: string }): Promise<boolean> =>
    await rights.may({ verb, group: kind.group, resource: kind.plural, namespace }, signal);
  const deeds = { verb: "get", group: kinds.ReelBinding.group, resource: kinds.ReelBinding.plural };
  const [seeBatches, bind, change, remove, seeClouds, create, patch, useClouds, manifest] = await Promise.all(
    [
      may("list", kinds.DeviceBatch),
      may("create", kinds.DeviceBatch),
      may("patch", kinds.DeviceBatch),
      may("delete", kinds.DeviceBatch),
      may("list", kinds.CloudApi),
      may("create", kinds.CloudApi),
      may("patch", kinds.CloudApi),
      may("use", kinds.CloudApi),
      rights.may(deeds, signal),
    ],
  );
  return { seeBatches, bind, manifest, change, remove, seeClouds, editClouds: create && patch, useClouds };
}
