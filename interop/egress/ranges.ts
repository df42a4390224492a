import { BlockList, isIP } from "node:net";

/** A set of addresses with a name that an error message can use. */
export interface AddressRange {
  readonly name: string;
  contains(address: string): boolean;
}

/**
 * @param cidrs e.g. `10.96.0.0/12`, `fd00::/8`, or a single address
 * @throws Error that names the CIDR that cannot be read
 */
export function addressRange(name: string, cidrs: readonly string[]): AddressRange {
  const lists = { 4: new BlockList(), 6: new BlockList() };
  for (const cidr of cidrs) {
    const { address, family, prefix } = parseCidr(cidr);
    lists[family].addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6");
  }
  return {
    name,
    contains(address) {
      const family = isIP(address);
      if (family === 4) return lists[4].check(address, "ipv4");
      return family === 6 && lists[6].check(address.split("%")[0] ?? "", "ipv6");
    },
  };
}

function parseCidr(cidr: string): { address: string; family: 4 | 6; prefix: number } {
  const [address = "", length, ...rest] = cidr.trim().split("/");
  const family = isIP(address);
  const bits = family === 4 ? 32 : 128;
  const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if ((family !== 4 && family !== 6) || rest.length > 0 || !(prefix <= bits)) {
    throw new Error(
      `"${cidr.slice(0, 60)}" is not an address range: write it as 10.96.0.0/12, fd00::/8 or one address`,
    );
  }
  return { address, family, prefix };
}

/**
 * What no product cloud lives at. Private networks (RFC 1918, unique local, carrier-grade NAT) are not
 * here: private gateways do.
 */
export const NEVER_A_CLOUD: readonly AddressRange[] = [
  addressRange("loopback", ["127.0.0.0/8", "::1/128"]),
  addressRange("link-local, where metadata services answer", ["169.254.0.0/16", "fe80::/10"]),
  // Metadata and platform services at addresses that are not link-local: AWS Nitro over IPv6, Azure
  // WireServer, Alibaba, Oracle, Google over IPv6 (each from the provider's own documentation).
  addressRange("metadata service", [
    "fd00:ec2::/32",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "fd20:ce::254",
  ]),
  addressRange("unspecified", ["0.0.0.0/8", "::/128"]),
  addressRange("multicast", ["224.0.0.0/4", "ff00::/8"]),
  addressRange("reserved", ["240.0.0.0/4"]),
  // RFC 8215: where in it the IPv4 address stands is the network's own affair, so it cannot be checked.
  addressRange("local NAT64", ["64:ff9b:1::/48"]),
];
