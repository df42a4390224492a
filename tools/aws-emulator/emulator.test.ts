import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreatePolicyCommand,
  CreateThingCommand,
  DescribeCertificateCommand,
  IoTClient,
  RegisterCertificateWithoutCACommand,
} from "@aws-sdk/client-iot";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createIssuer } from "../factory/index.ts";
import type { FactoryDevice, Issuer } from "../factory/index.ts";
import { missingPart } from "../setup/missing-part.ts";
import { connectDevice } from "./device.ts";
import { startAwsEmulator } from "./emulator.ts";
import type { AwsEmulator } from "./emulator.ts";
import { findAwsEmulator } from "./source.ts";

const missing = await missingPart(findAwsEmulator());

describe.skipIf(missing !== undefined)(`the AWS emulator${missing ?? ""}`, () => {
  const place = { accountId: "123456789012", region: "eu-west-1" };
  let emulator: AwsEmulator;
  let iot: IoTClient;
  let issuer: Issuer;

  beforeAll(async () => {
    emulator = await startAwsEmulator(place);
    issuer = await createIssuer();
    iot = new IoTClient({ region: place.region, ...emulator.access });
    const anything = { Effect: "Allow", Action: "iot:*", Resource: "*" };
    const policyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [anything] });
    await iot.send(new CreatePolicyCommand({ policyName: "anything", policyDocument }));
  });

  afterAll(async () => {
    iot?.destroy();
    await emulator?.stop();
  });

  /** A device whose certificate is registered, has a thing, and may do anything; or without the latter. */
  async function registered(options: { policy: boolean }): Promise<FactoryDevice> {
    const device = await issuer.issueDevice({ batchId: "D001" });
    const { certificateArn } = await iot.send(
      new RegisterCertificateWithoutCACommand({ certificatePem: device.pem, status: "ACTIVE" }),
    );
    await iot.send(new CreateThingCommand({ thingName: device.serial }));
    await iot.send(new AttachThingPrincipalCommand({ thingName: device.serial, principal: certificateArn }));
    if (options.policy)
      await iot.send(new AttachPolicyCommand({ policyName: "anything", target: certificateArn }));
    return device;
  }

  it("lets a registered device in with its own key, and tells it what it publishes", async () => {
    const device = await registered({ policy: true });
    const session = await connectDevice(emulator, device, device.serial);
    expect(session).not.toBe("refused");
    if (session === "refused") return;
    expect(await session.subscribe("a/topic")).toBe("done");
    expect(await session.publish("a/topic", "hello")).toBe("done");
    expect(await session.received("a/topic")).toBe("hello");
    await session.end();
  });

  it("refuses a device that is not registered, or whose certificate has no policy", async () => {
    const unknown = await issuer.issueDevice({ batchId: "D001" });
    expect(await connectDevice(emulator, unknown, unknown.serial)).toBe("refused");
    const powerless = await registered({ policy: false });
    expect(await connectDevice(emulator, powerless, powerless.serial)).toBe("refused");
  });

  it("refuses a caller that the account does not know", async () => {
    const stranger = new IoTClient({
      region: place.region,
      endpoint: emulator.url,
      credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "any" },
    });
    const command = new DescribeCertificateCommand({ certificateId: "0".repeat(64) });
    await expect(stranger.send(command)).rejects.toThrow(/security token .* is invalid/i);
    stranger.destroy();
  });
});

describe("finding the AWS emulator", () => {
  it("says what to install when there is no Python", async () => {
    const empty = await mkdtemp(join(tmpdir(), "certferry-python-"));
    try {
      const env = { PATH: empty, XDG_CACHE_HOME: empty };
      await expect(findAwsEmulator({ env })).rejects.toThrow(
        /needs Python 3\.11 or newer .*CERTFERRY_PYTHON/,
      );
    } finally {
      await rm(empty, { recursive: true, force: true });
    }
  });
});
