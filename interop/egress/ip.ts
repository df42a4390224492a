import { isIP } from "node:net";

/** The eight 16-bit groups of an IPv6 address. */
type Groups = readonly [number, number, number, number, number, number, number, number];

/**
 * IPv4 addresses that an IPv6 address leads to: mapped, compatible and translated forms, NAT64, 6to4,
 * Teredo, ISATAP (RFC 4291, 2765, 6052, 3056, 4380, 5214). An IPv4 address, or an IPv6 address of its
 * own, gives none.
 */
export function embeddedIpv4(address: string): string[] {
  if (isIP(address) !== 6) return [];
  const groups = parseIpv6(address);
  const found: string[] = [];
  const low = ipv4(groups[6], groups[7]);
  if (startsWith(groups, [0, 0, 0, 0, 0, 0]) && (groups[6] !== 0 || groups[7] > 1)) found.push(low);
  if (startsWith(groups, [0, 0, 0, 0, 0, 0xffff])) found.push(low);
  if (startsWith(groups, [0, 0, 0, 0, 0xffff, 0])) found.push(low);
  if (startsWith(groups, [0x64, 0xff9b, 0, 0, 0, 0])) found.push(low);
  if (groups[0] === 0x2002) found.push(ipv4(groups[1], groups[2]));
  if (startsWith(groups, [0x2001, 0])) {
    found.push(ipv4(groups[2], groups[3]), ipv4(groups[6] ^ 0xffff, groups[7] ^ 0xffff));
  }
  if ((groups[4] === 0 || groups[4] === 0x200) && groups[5] === 0x5efe) found.push(low);
  return found;
}

function startsWith(groups: Groups, prefix: readonly number[]): boolean {
  return prefix.every((group, index) => groups[index] === group);
}

function ipv4(high: number, low: number): string {
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}

/** `address` has passed `isIP`; a zone (`%eth0`) is dropped. */
function parseIpv6(address: string): Groups {
  const plain = address.split("%")[0] ?? "";
  const [head = "", tail] = plain.split("::");
  const left = parseGroups(head);
  const right = tail === undefined ? [] : parseGroups(tail);
  const all = [...left, ...Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0), ...right];
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = all;
  return [a, b, c, d, e, f, g, h];
}

function parseGroups(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((part) => {
    if (!part.includes(".")) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
