import type { ApiProxy } from "./api-proxy.ts";
import type { ApiWrite } from "./api-write.ts";

/** Where a process is killed: at one of its writes, before or after the API server has done it. */
export interface Strike {
  /** `PUT devicebatches/status 2`: the second of its kind. */
  readonly write: string;
  readonly when: "before" | "after";
}

/** A write that the API server has done. */
export interface DoneWrite {
  readonly name: string;
  readonly at: number;
}

/** Names the writes that concern one job, in their order, and strikes at one of them. */
export class WriteWatch {
  readonly done: DoneWrite[] = [];
  struck = false;
  readonly #proxy: ApiProxy;
  readonly #id: string;
  readonly #counts = new Map<string, number>();
  readonly #names = new WeakMap<ApiWrite, string>();

  /**
   * @param id what the job's namespace and reel are called; its Secrets end with it, its ledgers begin with it
   * @param kill ends the process whose writes these are
   */
  constructor(proxy: ApiProxy, id: string, strike?: Strike, kill: () => Promise<unknown> = async () => {}) {
    this.#proxy = proxy;
    this.#id = id;
    const strikes = async (write: ApiWrite, when: Strike["when"]): Promise<boolean> => {
      if (strike?.when !== when || this.#names.get(write) !== strike.write) return false;
      this.struck = true;
      await kill();
      return true;
    };
    proxy.hooks = {
      before: async (write) => {
        // What a dying process still had on its way counts as never sent.
        if (this.struck) return false;
        this.#name(write);
        return !(await strikes(write, "before"));
      },
      after: async (write, status) => {
        const name = this.#names.get(write);
        if (name !== undefined && status < 300) this.done.push({ name, at: Date.now() });
        return !(await strikes(write, "after"));
      },
    };
  }

  /** Shows no more, and stands in no one's way. */
  end(): void {
    this.#proxy.hooks = {};
  }

  #name(write: ApiWrite): void {
    const { namespace, name, label } = write;
    const id = this.#id;
    const ours = namespace === id || name === id || name.startsWith(`${id}.`) || name.endsWith(`-${id}`);
    if (!ours) return;
    const count = (this.#counts.get(label) ?? 0) + 1;
    this.#counts.set(label, count);
    this.#names.set(write, `${label} ${count}`);
  }
}

/** Every way to strike at these writes. */
export function strikesAt(writes: Iterable<string>): Strike[] {
  return [...new Set(writes)].flatMap((write): Strike[] => [
    { write, when: "before" },
    { write, when: "after" },
  ]);
}
