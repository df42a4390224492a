import {
  CreatePolicyCommand,
  CreateThingTypeCommand,
  type IoTClient,
  ListCertificatesCommand,
  ListThingsCommand,
  ListThingsInThingGroupCommand,
} from "@aws-sdk/client-iot";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type AwsEmulator, startAwsEmulator } from "../../../tools/aws-emulator/emulator.ts";
import { createIssuer, type Issuer } from "../../../tools/factory/index.ts";
import { checkCertificate } from "../../callee/certificates.ts";
import type { CheckedCertificate, Registry } from "../port.ts";
import { createIotClient } from "./client.ts";
import type { Fault } from "./faults.ts";
import { createAwsIotRegistry } from "./registry.ts";
import { POLICY, unhurried } from "./testing/rig.ts";

let aws: AwsEmulator;
let client: IoTClient;
let issuer: Issuer;
let registry: Required<Registry>;
const faults: Fault[] = [];
const made: CheckedCertificate[] = [];

async function device(ref: string, serial?: string): Promise<CheckedCertificate> {
  const { pem } = await issuer.issueDevice({ batchId: "R1", ...(serial === undefined ? {} : { serial }) });
  const cert = Buffer.from(pem).toString("base64");
  const checked = checkCertificate({ ref, cert }, Date.now());
  if (!("certificate" in checked)) throw new Error(checked.refusal.message);
  made.push(checked.certificate);
  return checked.certificate;
}

async function everything(): Promise<{ things: number; certificates: number; grouped: number }> {
  const { things = [] } = await client.send(new ListThingsCommand({}));
  const { certificates = [] } = await client.send(new ListCertificatesCommand({ pageSize: 250 }));
  const grouped = await client.send(new ListThingsInThingGroupCommand({ thingGroupName: "reel-R1" }));
  return {
    things: things.length,
    certificates: certificates.length,
    grouped: grouped.things?.length ?? 0,
  };
}

beforeAll(async () => {
  issuer = await createIssuer();
  aws = await startAwsEmulator({ accountId: "123456789012", region: "eu-central-1" });
  client = createIotClient({
    region: aws.region,
    endpoint: aws.url,
    credentials: {
      accessKeyId: aws.env["AWS_ACCESS_KEY_ID"] ?? "",
      secretAccessKey: aws.env["AWS_SECRET_ACCESS_KEY"] ?? "",
    },
    connections: 8,
  });
  await client.send(
    new CreatePolicyCommand({
      policyName: POLICY,
      policyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [] }),
    }),
  );
  await client.send(new CreateThingTypeCommand({ thingTypeName: "Device" }));
  registry = createAwsIotRegistry({
    client,
    policy: POLICY,
    thingType: "Device",
    thingGroupPrefix: "reel-",
    devicesPerSecond: 1000,
    onFaults: (list) => faults.push(...list),
  });
});

afterEach(async () => {
  await registry.deprovision(made.splice(0), unhurried());
});

afterAll(async () => {
  client?.destroy();
  await aws?.stop();
});

describe("AWS IoT Core, as far as ministack is it", () => {
  it("keeps devices that are pushed, tells how they stand, and forgets those that are taken out", async () => {
    const devices = await Promise.all(Array.from({ length: 20 }, (_, index) => device(`d${index}`)));
    for (let push = 0; push < 2; push += 1) {
      const entries = await registry.provision(devices, unhurried("R1"));
      expect(faults).toEqual([]);
      expect(entries.map(({ ref, status }) => `${ref} ${status}`)).toEqual(
        devices.map(({ ref }) => `${ref} SUCCESS`),
      );
      expect(entries[0]).toMatchObject({ endpoint: expect.stringContaining("iot"), policyApplied: true });
      expect(await everything()).toEqual({ things: 20, certificates: 20, grouped: 20 });
    }
    for (const entry of await registry.status(devices, unhurried("R1"))) {
      expect(entry).toMatchObject({
        present: true,
        active: true,
        attached: true,
        policyApplied: true,
        differs: [],
      });
    }
    const out = await registry.deprovision(devices, unhurried());
    expect(new Set(out.map((entry) => entry.status === "SUCCESS" && entry.removed))).toEqual(new Set([true]));
    expect(await everything()).toEqual({ things: 0, certificates: 0, grouped: 0 });
    const again = await registry.deprovision(devices, unhurried());
    expect(new Set(again.map((entry) => entry.status === "SUCCESS" && entry.removed))).toEqual(
      new Set([false]),
    );
  });

  it("has one certificate for one name", async () => {
    const first = await device("a", "30309D3B");
    const second = await device("b", "30309D3B");
    expect(await registry.provision([first, second], unhurried())).toMatchObject([
      { ref: "a", status: "SUCCESS" },
      { ref: "b", status: "ERROR", code: "ExistsWithAnotherCertificate" },
    ]);
    expect(await everything()).toMatchObject({ things: 1, certificates: 1 });
    expect(await registry.status([second], unhurried())).toMatchObject([
      { present: false, differs: ["Missing", "ExistsWithAnotherCertificate"] },
    ]);
    await registry.deprovision([second], unhurried());
    expect(await registry.status([first], unhurried())).toMatchObject([{ differs: [] }]);
    await registry.deprovision([first], unhurried());
    expect(await registry.provision([second], unhurried())).toMatchObject([{ status: "SUCCESS" }]);
  });

  it("is mended by pushing again", async () => {
    const one = await device("a");
    await registry.provision([one], unhurried("R1"));
    const stop = new AbortController();
    const cut = createAwsIotRegistry({
      client: {
        send: ((command: object, options: object) => {
          if (command.constructor.name === "DetachThingPrincipalCommand") stop.abort();
          return client.send(command as never, options);
        }) as IoTClient["send"],
      },
    });
    expect(await cut.deprovision([one], { signal: stop.signal })).toMatchObject([{ code: "OutOfTime" }]);
    expect(await registry.status([one], unhurried())).toMatchObject([
      { active: false, policyApplied: false, differs: ["Inactive", "PolicyMissing"] },
    ]);
    expect(await registry.provision([one], unhurried("R1"))).toMatchObject([{ status: "SUCCESS" }]);
    expect(await registry.status([one], unhurried())).toMatchObject([{ differs: [] }]);
  });
});
