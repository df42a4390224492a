import type { CloudApi } from "../../../crds/index.ts";
import type { InteropTarget } from "../../../interop/caller/caller.ts";
import type { PaceLimits } from "../../provisioning/pace.ts";
import type { TargetIdentity } from "../../provisioning/target.ts";
import { keyOf } from "../../runtime/objects.ts";
import type { CloudApiReason } from "../reasons.ts";

/** A way to a product cloud that answered: what the ferry needs to call it. */
export interface CloudLink {
  readonly target: TargetIdentity;
  readonly interop: InteropTarget;
  readonly limits: PaceLimits;
  readonly namesBySerial: boolean;
  readonly policyExpected: boolean;
  /** The cloud can take devices out again. */
  readonly canDeprovision: boolean;
  /** The key that its tokens are signed with; undefined with user name and password. */
  readonly kid?: string;
}

/** Why a product cloud did not answer as it should. */
export interface LinkFault {
  readonly reason: CloudApiReason;
  readonly message: string;
}

/** What tells a CloudApi as it is declared now from what it was, and from another of its name. */
export function declarationOf({ metadata }: CloudApi): string {
  return `${metadata.uid ?? ""}/${metadata.generation ?? 0}`;
}

/** The links that were probed in this process and may be used, by CloudApi. */
export class CloudLinks {
  readonly #links = new Map<string, { declaration: string; link: CloudLink }>();
  readonly #nextTries = new Map<string, number>();
  readonly #faults = new Map<string, { declaration: string; fault: LinkFault }>();

  /** The link of a CloudApi as it is declared now; undefined until a probe of exactly that passed. */
  get(api: CloudApi): CloudLink | undefined {
    const entry = this.#links.get(keyOf(api));
    return entry?.declaration === declarationOf(api) ? entry.link : undefined;
  }

  set(api: CloudApi, link: CloudLink): void {
    this.#nextTries.delete(keyOf(api));
    this.#faults.delete(keyOf(api));
    this.#links.set(keyOf(api), { declaration: declarationOf(api), link });
  }

  delete(key: string): void {
    this.#links.delete(key);
    this.#nextTries.delete(key);
    this.#faults.delete(key);
  }

  /** Why a CloudApi as it is declared now cannot be called; undefined while that is not known, or it can. */
  fault(api: CloudApi): LinkFault | undefined {
    const entry = this.#faults.get(keyOf(api));
    return entry?.declaration === declarationOf(api) ? entry.fault : undefined;
  }

  setFault(api: CloudApi, fault: LinkFault): void {
    this.#faults.set(keyOf(api), { declaration: declarationOf(api), fault });
  }

  /** When a CloudApi that cannot be called is probed next (epoch ms); undefined when that is not planned. */
  nextTry(api: CloudApi): number | undefined {
    return this.#nextTries.get(keyOf(api));
  }

  planTry(api: CloudApi, at: number): void {
    this.#nextTries.set(keyOf(api), at);
  }
}
