import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EgressPolicy } from "./policy.ts";

const policy = new EgressPolicy({ clusterCidrs: ["10.96.0.0/12", "fd00:10:96::/112"], env: {} });

describe("the policy refuses", () => {
  it.each([
    ["127.0.0.1", "loopback"],
    ["127.255.0.9", "loopback"],
    ["::1", "loopback"],
    ["0:0:0:0:0:0:0:1", "loopback"],
    ["169.254.169.254", "link-local"],
    ["fe80::1", "link-local"],
    ["fe80::1%eth0", "link-local"],
    ["fd00:ec2::254", "metadata"],
    ["168.63.129.16", "metadata"],
    ["100.100.100.200", "metadata"],
    ["0.0.0.0", "unspecified"],
    ["::", "unspecified"],
    ["224.0.0.1", "multicast"],
    ["ff02::1", "multicast"],
    ["255.255.255.255", "reserved"],
    ["10.96.0.1", "cluster"],
    ["10.111.255.255", "cluster"],
    ["fd00:10:96::1", "cluster"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:7f00:1", "loopback"],
    ["::ffff:a60:1", "cluster"],
    ["::ffff:0:169.254.169.254", "link-local"],
    ["::127.0.0.1", "loopback"],
    ["64:ff9b::169.254.169.254", "link-local"],
    ["64:ff9b::a60:1", "cluster"],
    ["64:ff9b:1::1", "NAT64"],
    ["2002:7f00:1::", "loopback"],
    ["2002:a9fe:a9fe::1", "link-local"],
    ["2001:0:7f00:1::", "loopback"],
    ["2001:0:808:808::5601:5601", "link-local"],
    ["2606:4700::5efe:10.96.0.1", "cluster"],
    ["2606:4700::200:5efe:7f00:1", "loopback"],
  ])("%s (%s)", (address, range) => {
    const refused = policy.refusal(address, "cloud.example");
    expect(refused?.message).toContain(range);
    expect(refused?.message).toContain(address);
    expect(refused?.message).toContain("--egress-allow-cidr");
  });
});

describe("the policy allows", () => {
  it.each([
    "52.29.1.2",
    "10.0.0.1",
    "10.112.0.1",
    "172.16.5.5",
    "192.168.1.1",
    "100.64.0.1",
    "fd12:3456::1",
    "2606:4700::1111",
    "::ffff:52.29.1.2",
    "64:ff9b::52.29.1.2",
    "2002:341d:102::1",
    "128.0.0.1",
  ])("%s", (address) => {
    expect(policy.refusal(address)).toBeUndefined();
  });

  it("what is opened, and no more", () => {
    const opened = new EgressPolicy({
      allowCidrs: ["127.0.0.1/32", "::1"],
      clusterCidrs: ["10.0.0.0/8"],
      env: {},
    });
    expect(opened.refusal("127.0.0.1")).toBeUndefined();
    expect(opened.refusal("::ffff:127.0.0.1")).toBeUndefined();
    expect(opened.refusal("::1")).toBeUndefined();
    expect(opened.refusal("127.0.0.2")).toBeDefined();
    expect(opened.refusal("10.1.1.1")).toBeDefined();
  });
});

describe("every spelling of an address", () => {
  const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
  const hex = (a: number, b: number): string => (a * 256 + b).toString(16);

  it("that leads to one IPv4 address gets the same answer", () => {
    fc.assert(
      fc.property(octets, ([a, b, c, d]) => {
        const refused = policy.refusal(`${a}.${b}.${c}.${d}`) !== undefined;
        const forms = [
          `::ffff:${a}.${b}.${c}.${d}`,
          `0:0:0:0:0:FFFF:${hex(a, b)}:${hex(c, d)}`,
          `64:ff9b::${hex(a, b)}:${hex(c, d)}`,
          `2002:${hex(a, b)}:${hex(c, d)}::1`,
        ];
        expect(forms.filter((form) => (policy.refusal(form) !== undefined) !== refused)).toEqual([]);
      }),
      {
        numRuns: 500,
        examples: [[[127, 0, 0, 1]], [[169, 254, 169, 254]], [[10, 96, 0, 1]], [[8, 8, 8, 8]]],
      },
    );
  });
});

describe("a range that cannot be read", () => {
  it.each(["10.0.0.0/33", "10.0.0/8", "::/129", "cluster", "", "10.0.0.0/8/8", "10.0.0.0/-1", "10.0.0.0/"])(
    "%s",
    (cidr) =>
      expect(() => new EgressPolicy({ allowCidrs: [cidr], env: {} })).toThrow("is not an address range"),
  );
});
