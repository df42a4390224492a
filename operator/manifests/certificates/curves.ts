/** A curve of SEC 2 in short Weierstrass form with a = -3: y² = x³ - 3x + b over the field of p elements. */
export interface Curve {
  /** As product clouds call it. */
  readonly name: string;
  /** Content of the object identifier in DER. */
  readonly oid: Uint8Array;
  /** Bytes of a coordinate. */
  readonly bytes: number;
  readonly p: bigint;
  readonly b: bigint;
}

/** The curves that product clouds take, with the numbers of FIPS 186-4, D.1.2. */
export const CURVES: readonly Curve[] = [
  {
    name: "P-256",
    oid: Buffer.from("2a8648ce3d030107", "hex"),
    bytes: 32,
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  },
  {
    name: "P-384",
    oid: Buffer.from("2b81040022", "hex"),
    bytes: 48,
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
  },
  {
    name: "P-521",
    oid: Buffer.from("2b81040023", "hex"),
    bytes: 66,
    p: 2n ** 521n - 1n,
    b: 0x051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
  },
];

/** Whether a point, given by the big-endian bytes of its coordinates one after the other, lies on the curve. */
export function isOnCurve({ bytes, p, b }: Curve, coordinates: Buffer): boolean {
  if (coordinates.length !== 2 * bytes) return false;
  const x = BigInt(`0x${coordinates.toString("hex", 0, bytes)}`);
  const y = BigInt(`0x${coordinates.toString("hex", bytes)}`);
  if (x >= p || y >= p) return false;
  return ((((x * x) % p) - 3n) * x + b - y * y) % p === 0n;
}
