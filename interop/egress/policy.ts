import { lookup as systemLookup, type LookupAddress } from "node:dns";
import type { Dispatcher } from "undici";
import { createDispatcher, type DispatcherOptions } from "./dispatcher.ts";
import { embeddedIpv4 } from "./ip.ts";
import { addressRange, type AddressRange, NEVER_A_CLOUD } from "./ranges.ts";

/** Resolves a name to all its addresses, as `dns.lookup` with `all` does. */
export type Resolve = (
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface EgressPolicyOptions {
  /** Ranges that are let through although they would be refused (`--egress-allow-cidr`). */
  allowCidrs?: readonly string[];
  /** The cluster's own service and pod ranges. */
  clusterCidrs?: readonly string[];
  /** Where HTTPS_PROXY, HTTP_PROXY and NO_PROXY are read from; `process.env` unless given. */
  env?: Readonly<Record<string, string | undefined>>;
  /** How names are resolved; the system's resolver unless given. */
  resolve?: Resolve;
}

/** The address that was about to be connected to is one that the operator does not talk to. */
export class EgressRefused extends Error {
  override readonly name = "EgressRefused";
  readonly code = "EGRESS_REFUSED";
  readonly host: string;
  readonly address: string;

  constructor(host: string, address: string, range: string) {
    const where = host === address ? address : `${host} (${address})`;
    super(
      `${where} is refused: ${range}. If it is meant, start the operator with --egress-allow-cidr ${address}/${address.includes(":") ? 128 : 32}`,
    );
    this.host = host;
    this.address = address;
  }
}

/**
 * Which addresses may be connected to. What people write into a resource decides where the operator
 * connects, so loopback, metadata services and the cluster's own ranges are out of reach unless opened.
 * The check is on the resolved address that is then connected to (see dispatcher.ts).
 */
export class EgressPolicy {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly #allowed: AddressRange;
  readonly #refused: readonly AddressRange[];
  readonly #resolve: Resolve;

  /** @throws Error for a CIDR that cannot be read */
  constructor(options: EgressPolicyOptions = {}) {
    this.env = options.env ?? process.env;
    this.#allowed = addressRange("allowed", options.allowCidrs ?? []);
    this.#refused = [
      ...NEVER_A_CLOUD,
      addressRange("in the cluster's own service or pod range", options.clusterCidrs ?? []),
    ];
    this.#resolve =
      options.resolve ?? ((hostname, callback) => systemLookup(hostname, { all: true }, callback));
  }

  /**
   * Why an address may not be connected to; nothing if it may.
   * @param host the name it was resolved from, or the address itself
   */
  refusal(address: string, host: string = address): EgressRefused | undefined {
    if (this.#allowed.contains(address)) return undefined;
    for (const candidate of [address, ...embeddedIpv4(address)]) {
      if (this.#allowed.contains(candidate)) continue;
      const range = this.#refused.find((refused) => refused.contains(candidate));
      if (range !== undefined) return new EgressRefused(host, address, range.name);
    }
    return undefined;
  }

  /**
   * Resolves a name and keeps the addresses that may be connected to.
   * The callback gets EgressRefused when none is left, or the resolver's own error.
   */
  resolve(hostname: string, callback: (error: Error | null, addresses: LookupAddress[]) => void): void {
    this.#resolve(hostname, (error, addresses) => {
      if (error !== null) return callback(error, []);
      const open = addresses.filter(({ address }) => this.refusal(address) === undefined);
      const first = addresses[0];
      if (open.length > 0 || first === undefined) return callback(null, open);
      callback(this.refusal(first.address, hostname) ?? null, []);
    });
  }

  /** An undici dispatcher (a pool for each origin) that connects only where this policy allows. */
  dispatcher(options: DispatcherOptions = {}): Dispatcher {
    return createDispatcher(this, options);
  }
}
