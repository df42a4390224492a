import type { KubeClient } from "../../operator/runtime/client.ts";
import { monotonic } from "../../operator/runtime/clock.ts";
import { asRecord } from "../../operator/runtime/watch.ts";

/** What is asked for, as RBAC sees it. */
export interface Ask {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
}

const FRESH_MS = 5_000;
const MAX_KEPT = 1000;

/** What one person may do, as the API server says when that person asks. An answer counts for five seconds. */
export class Rights {
  readonly #client: KubeClient;
  readonly #known = new Map<string, { readonly at: number; readonly allowed: boolean }>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** @throws ApiError, 401 when the credentials do not hold any more */
  async may(ask: Ask, signal?: AbortSignal): Promise<boolean> {
    const key = JSON.stringify([ask.verb, ask.group, ask.resource, ask.namespace, ask.name]);
    const known = this.#known.get(key);
    const now = monotonic(this.#client.clock);
    if (known !== undefined && now - known.at < FRESH_MS) return known.allowed;
    const { group, name, namespace, resource, verb } = ask;
    const answer = await this.#client.request(
      {
        method: "POST",
        path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        body: {
          apiVersion: "authorization.k8s.io/v1",
          kind: "SelfSubjectAccessReview",
          spec: { resourceAttributes: { group, name, namespace, resource, verb } },
        },
      },
      signal,
    );
    const allowed = asRecord(asRecord(answer)["status"])["allowed"] === true;
    this.#known.delete(key);
    this.#known.set(key, { at: now, allowed });
    if (this.#known.size > MAX_KEPT) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    return allowed;
  }
}
