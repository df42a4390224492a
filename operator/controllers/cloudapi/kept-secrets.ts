import type { Secret } from "../../accounts/core-kinds.ts";
import type { ResourceClient } from "../../runtime/client.ts";
import { type Clock, monotonic } from "../../runtime/clock.ts";
import { keyOf, type ObjectKey } from "../../runtime/objects.ts";

/** A Secret that was deleted, or whose new content is no better to the cloud than the old, is noticed after so long. */
const KEPT_MS = 10 * 60_000;

/**
 * Secrets by name, each read again after ten minutes, or when somebody has reason to think that it has changed. They are
 * not watched, for that would take the right to list them; and to read each with each probe would be a request a minute
 * for each cloud.
 */
export class KeptSecrets {
  readonly #secrets: Pick<ResourceClient<Secret>, "find">;
  readonly #clock: Clock;
  readonly #kept = new Map<string, { secret: Secret; at: number }>();

  constructor(secrets: Pick<ResourceClient<Secret>, "find">, clock: Clock) {
    this.#secrets = secrets;
    this.#clock = clock;
  }

  /** @throws ApiError. One that does not exist is asked for again each time. */
  async find(key: ObjectKey, signal?: AbortSignal): Promise<Secret | undefined> {
    const id = keyOf({ metadata: key });
    const kept = this.#kept.get(id);
    if (kept !== undefined && monotonic(this.#clock) - kept.at < KEPT_MS) return kept.secret;
    // What is read holds what stood there when it was asked for, at least; and of two readings the later one counts.
    const at = monotonic(this.#clock);
    const secret = await this.#secrets.find(key, signal);
    const other = this.#kept.get(id);
    if (other !== undefined && other.at > at) return secret;
    if (secret === undefined) this.#kept.delete(id);
    else this.#kept.set(id, { secret, at });
    return secret;
  }

  /**
   * Has it read anew when it is wanted next.
   * @param since of {@link monotonic}
   * @returns whether it was read before that, so that it may have changed
   */
  forget(key: ObjectKey, since = Infinity): boolean {
    const id = keyOf({ metadata: key });
    const kept = this.#kept.get(id);
    this.#kept.delete(id);
    return kept !== undefined && kept.at < since;
  }
}
