import { beforeAll, describe, expect, it } from "vitest";
import { createIssuer } from "../factory/index.ts";
import { CHECKS } from "./checks/index.ts";
import { readSamples, type Sample } from "./samples.ts";
import { check, named, startCallee, type CalleeSetup } from "./testing/callee.ts";

/** Certferry's own callee, in each of its manners, conforms; and the check leaves it as it was. */
const ALL: readonly (readonly [string, CalleeSetup])[] = [
  ["aws, with all that it offers", { flavor: "aws" }],
  ["azure, with all that it offers", { flavor: "azure" }],
  ["aws, v1 alone", { flavor: "aws", capabilities: [] }],
  ["azure, v1 alone", { flavor: "azure", capabilities: [] }],
  ["with codes alone", { capabilities: ["codes"] }],
  ["with deprovision alone", { capabilities: ["deprovision"] }],
  ["with status alone", { capabilities: ["status"] }],
  ["with names of their own", { names: "<batch>_<device>" }],
  ["that takes a user and a password", { basic: { username: "ferry", password: "pä:ss word" } }],
];

it.each(ALL)("our callee conforms: %s", async (_what, setup) => {
  await using callee = await startCallee(setup);
  const outcome = await check(callee);
  expect(outcome.results.filter(({ verdict }) => verdict === "fail")).toEqual([]);
  expect(named(outcome, "warn")).toEqual(["address.https"]);
  expect(outcome.conforms).toBe(true);
  expect(outcome.results.map(({ name }) => name)).toEqual(CHECKS.map(({ name }) => name));
});

it("holds what is offered, and nothing else", async () => {
  const groupsHeld = async (setup: CalleeSetup): Promise<string[]> => {
    await using callee = await startCallee(setup);
    const { results } = await check(callee);
    return [
      ...new Set(results.filter(({ verdict }) => verdict !== "not applicable").map(({ group }) => group)),
    ];
  };
  const v1 = ["address", "authentication", "requests", "provision"];
  expect(await groupsHeld({ capabilities: [] })).toEqual(v1);
  expect(await groupsHeld({})).toEqual([...v1, "batch", "codes", "status", "deprovision"]);
  expect(await groupsHeld({ names: "<fingerprint>", capabilities: ["distinct-names"] })).toEqual([
    ...v1,
    "distinct-names",
  ]);
});

it("sends a callee of v1 no member that v1 does not know, in what it wants done", async () => {
  const members = new Set<string>();
  await using callee = await startCallee({
    capabilities: [],
    wrap: (callee) => async (request) => {
      const text = await request.clone().text();
      const response = await callee(request);
      if (request.method === "POST" && response.status === 200) {
        const { certs = [], ...rest } = JSON.parse(text) as { certs?: object[] };
        for (const name of [...Object.keys(rest), ...certs.flatMap((each) => Object.keys(each))])
          members.add(name);
      }
      return response;
    },
  });
  expect((await check(callee)).conforms).toBe(true);
  expect([...members].sort()).toEqual(["action", "cert", "ref"]);
});

describe("what is left behind", () => {
  it("is nothing, where deprovision is offered", async () => {
    for (const flavor of ["aws", "azure"] as const) {
      await using callee = await startCallee({ flavor });
      expect((await check(callee)).left).toEqual([]);
      expect(callee.registry.counts().devices).toBe(0);
      expect(callee.registry.counts().removed).toBeGreaterThan(20);
    }
  });

  it("is told to the last certificate, where it is not", async () => {
    await using callee = await startCallee({ capabilities: [] });
    const { left } = await check(callee);
    const there = callee.registry.list().flatMap(({ thumbprints }) => thumbprints);
    expect(left.map(({ fingerprint }) => fingerprint).sort()).toEqual(there.sort());
    expect(left[0]).toMatchObject({ origin: "minted", because: "the callee offers no deprovision" });
  });

  it("is told where the callee breaks while it is cleaned up", async () => {
    await using callee = await startCallee({
      change: () => ({ deprovision: () => Promise.reject(new Error("broken")) }),
    });
    const { left } = await check(callee, { only: ["provision.one"] });
    expect(left).toHaveLength(1);
    expect(left[0]?.because).toContain("500");
    expect(callee.registry.counts().devices).toBe(1);
  });

  it("is taken out when the check is interrupted", async () => {
    const stop = new AbortController();
    await using callee = await startCallee({
      change: (registry) => ({
        provision: (certificates, call) => {
          if (certificates.length > 5) stop.abort();
          return registry.provision(certificates, call);
        },
      }),
    });
    const outcome = await check(callee, { stop: stop.signal });
    expect(outcome).toMatchObject({ interrupted: true, conforms: false, left: [] });
    expect(outcome.results.at(-1)?.name).toBe("provision.several");
    expect(callee.registry.counts().devices).toBe(0);
  });
});

it("changes nothing when it may only read", async () => {
  await using callee = await startCallee();
  const outcome = await check(callee, { readOnly: true });
  expect(outcome).toMatchObject({ conforms: true, left: [] });
  expect(callee.registry.counts()).toMatchObject({ devices: 0, pushes: 0, refused: 0, removed: 0 });
  expect(named(outcome, "pass")).toEqual(expect.arrayContaining(["status.unknown", "requests.no-ref"]));
});

describe("with certificates of the user's own", () => {
  let given: Sample[];
  beforeAll(async () => {
    const devices = await (await createIssuer()).issueMany(3, { batchId: "D001" });
    given = readSamples(devices.map(({ pem }) => pem).join("some text\r\n"));
  });

  it("lets those in and takes them out, and holds nothing that takes others where the callee takes none", async () => {
    await using callee = await startCallee({
      change: (registry) => ({
        provision: async (certificates, call) => {
          const known = new Set(given.map(({ fingerprint }) => fingerprint));
          const entries = await registry.provision(
            certificates.filter(({ thumbprint }) => known.has(thumbprint)),
            call,
          );
          return certificates.map(
            ({ ref, thumbprint }) =>
              (known.has(thumbprint) ? entries.shift() : undefined) ?? {
                ref,
                status: "ERROR" as const,
                message: "Unknown issuer",
                code: "RegistrationFailed" as const,
                retryable: false,
              },
          );
        },
      }),
    });
    const outcome = await check(callee, { given });
    expect(outcome.results.filter(({ verdict }) => verdict === "fail")).toEqual([]);
    expect(outcome.left).toEqual([]);
    expect(callee.registry.counts().devices).toBe(0);
    expect(named(outcome, "pass")).toEqual(
      expect.arrayContaining(["provision.several", "deprovision.removes", "deprovision.others-stay"]),
    );
    expect(named(outcome, "not applicable")).toEqual(
      expect.arrayContaining(["provision.collision", "codes.collision", "deprovision.other-of-the-serial"]),
    );
  });

  it("touches none that is in the registry already", async () => {
    await using callee = await startCallee();
    await check(callee, { given: given.slice(0, 1), only: ["provision.one"] });
    const [first] = given;
    if (first === undefined) throw new Error("no certificate");
    const certificate = { ref: "a", pem: first.pem, serial: first.serial, thumbprint: first.fingerprint };
    await callee.registry.provision([certificate], {
      signal: new AbortController().signal,
      batch: "interop-check",
    });
    await expect(check(callee, { given })).rejects.toThrow("is in the registry already");
    expect(callee.registry.counts()).toMatchObject({ devices: 1, removed: 1 });
  });

  it("leaves them in, and says so, where nobody can tell whether they were in before", async () => {
    await using callee = await startCallee({ capabilities: ["deprovision"] });
    const outcome = await check(callee, { given });
    expect(outcome.conforms).toBe(true);
    expect(outcome.notes).toHaveLength(1);
    expect(outcome.left.map(({ origin }) => origin)).toEqual(["given", "given", "given"]);
    expect(
      callee.registry
        .list()
        .map(({ serial }) => serial)
        .sort(),
    ).toEqual(given.map(({ serial }) => serial).sort());
  });
});
