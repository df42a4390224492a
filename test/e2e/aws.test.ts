import { DescribeThingCommand, ListThingPrincipalsCommand } from "@aws-sdk/client-iot";
import { join } from "node:path";
import type { Stack } from "../../infra/testing/engine.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { connectDevice, type DeviceSession } from "../../tools/aws-emulator/device.ts";
import { findAwsEmulator } from "../../tools/aws-emulator/source.ts";
import { DUMMY_REELS, type FactoryDevice } from "../../tools/factory/index.ts";
import { findKubectl } from "../../tools/kubectl/source.ts";
import { findPulumiEngine } from "../../tools/pulumi-engine/source.ts";
import { missingPart } from "../../tools/setup/missing-part.ts";
import { eventually } from "../harness/index.ts";
import { documentedCommands } from "./documented.ts";
import { Site } from "./site.ts";

/** The topic that the stack tells devices, unless it is told another. */
const TOPIC = "iqs";
const API = "certferry-aws-eu-west-1";

const missing = await missingPart(findAwsEmulator(), findKubectl(), findPulumiEngine());

describe.skipIf(missing !== undefined)(
  `an AWS product cloud, from pulumi up to devices${missing ?? ""}`,
  () => {
    let site: Site;
    let stack: Stack;
    const reels = new Map<string, readonly FactoryDevice[]>();

    beforeAll(async () => {
      site = await Site.open();
    });

    afterAll(async () => {
      await site?.close();
    });

    const thingOf = ({ serial }: FactoryDevice): string => `Infineon_${serial}`;

    /** The first two devices of a reel. */
    function pairOf(batchId: string): [FactoryDevice, FactoryDevice] {
      const [first, second] = reels.get(batchId) ?? [];
      if (first === undefined || second === undefined) throw new Error(`${batchId} has no two devices`);
      return [first, second];
    }

    async function letIn(device: FactoryDevice): Promise<DeviceSession> {
      const session = await connectDevice(site.aws, device, thingOf(device));
      if (session === "refused") throw new Error(`${thingOf(device)} is refused`);
      return session;
    }

    async function placed(batchId: string): Promise<void> {
      const name = batchId.toLowerCase();
      await site.field.batch("acme", name, { batchId, deletionPolicy: "Deprovision" });
      await site.field.awaitReady("acme", name, 60_000);
    }

    async function takenOut(batchId: string): Promise<void> {
      const key = { namespace: "acme", name: batchId.toLowerCase() };
      await site.field.batches.delete(key);
      await eventually(
        async (signal) => {
          const batch = await site.field.batches.find(key, signal);
          if (batch !== undefined) throw new Error(JSON.stringify(batch.status?.clouds));
          return true;
        },
        { what: `the batch of ${batchId} is gone`, deadline: 90_000 },
      );
    }

    it("is made by the documented commands, and is ready for the operator at its address in AWS", async () => {
      await site.shell("kubectl create namespace acme");
      const commands = await documentedCommands("docs/product-clouds.md", "Set one up");
      for (const block of commands) await site.shell(block);
      stack = await site.project.stack("acme-eu");

      const api = await site.field.awaitApi("acme", API, "True");
      expect(api.status?.endpoint).toMatch(
        /^https:\/\/[0-9a-z]+\.execute-api\.eu-west-1\.amazonaws\.com\/Prod\/interop$/,
      );
      expect(api.spec.aws?.endpoint).toBeUndefined();
    }, 150_000);

    it("takes the devices of D001 to D010, each as its thing with its certificate", async () => {
      for (const { batchId, devices } of DUMMY_REELS)
        reels.set(batchId, await site.field.ship(batchId, devices));
      await Promise.all(DUMMY_REELS.map(({ batchId }) => placed(batchId)));

      const devices = [...reels.values()].flat();
      expect(devices).toHaveLength(45);
      for (const device of devices) {
        const thingName = thingOf(device);
        const thing = await site.iot.send(new DescribeThingCommand({ thingName }));
        expect(thing.thingTypeName).toBe("certferry-device");
        const { principals } = await site.iot.send(new ListThingPrincipalsCommand({ thingName }));
        expect(principals).toHaveLength(1);
      }
    }, 120_000);

    it("lets a provisioned device in with its own key, to its own topics and no other's", async () => {
      const [device, other] = pairOf("D010");
      const own = `${TOPIC}/${thingOf(device)}`;
      const session = await letIn(device);
      expect(await session.subscribe(own)).toBe("done");
      expect(await session.publish(own, "mine")).toBe("done");
      expect(await session.received(own)).toBe("mine");
      // The broker closes the connection of who oversteps.
      expect(await session.publish(`${TOPIC}/${thingOf(other)}`, "yours")).toBe("refused");
      const again = await letIn(device);
      expect(await again.subscribe(`${TOPIC}/${thingOf(other)}`)).toBe("refused");
    });

    it("refuses a device under another's name, and one that was never provisioned", async () => {
      const [device, other] = pairOf("D009");
      expect(await connectDevice(site.aws, device, thingOf(other))).toBe("refused");
      const stranger = await site.field.issuer.issueDevice({ batchId: "D011" });
      expect(await connectDevice(site.aws, stranger, thingOf(stranger))).toBe("refused");
    });

    it("refuses a device whose batch was taken out, and still lets the others in", async () => {
      const [device] = pairOf("D001");
      await (await letIn(device)).end();
      await takenOut("D001");
      expect(await connectDevice(site.aws, device, thingOf(device))).toBe("refused");
      const left = await site.inventory();
      for (const each of reels.get("D001") ?? []) expect(left).not.toContain(`thing ${thingOf(each)}`);
      await (await letIn(pairOf("D002")[0])).end();
    }, 90_000);

    it("has no right but those that it needs: without them nothing works, until pulumi up brings them back", async () => {
      reels.set("E001", await site.field.ship("E001", 2));
      await site.takeRights("certferry-function-");
      await site.field.batch("acme", "e001", { batchId: "E001", deletionPolicy: "Deprovision" });
      await eventually(
        async (signal) => {
          const batch = await site.field.batches.get({ namespace: "acme", name: "e001" }, signal);
          return batch.status?.clouds?.[0]?.message?.includes("role lacks a right");
        },
        { what: "the batch says that the cloud's role lacks a right" },
      );
      const { summary } = await stack.up({ refresh: true });
      expect(summary.resourceChanges).toMatchObject({ create: 1 });
      await site.field.awaitReady("acme", "e001", 90_000);
      await (await letIn(pairOf("E001")[0])).end();
    }, 150_000);

    it("is left as it is by another pulumi up, and keeps to the policies", async () => {
      const policies = join(site.project.folder, "infra", "policies");
      const { summary, stdout } = await stack.up({ policyPacks: [policies] });
      expect(stdout).toMatch(/Policies:\s+✅ certferry@v/);
      expect(Object.keys(summary.resourceChanges ?? {})).toEqual(["same"]);
    }, 90_000);

    it("does not go while devices hold on to it, and leaves nothing of its own when it does", async () => {
      // With a preview, as people run it; the Automation API's own destroy takes away what is not protected.
      await expect(site.shell("pulumi destroy")).rejects.toThrow(/protect/);
      await Promise.all([...reels.keys()].filter((batchId) => batchId !== "D001").map(takenOut));
      await site.shell("pulumi config set protect false");
      await stack.up();
      const { summary } = await stack.destroy();
      expect(Object.keys(summary.resourceChanges ?? {})).toEqual(["delete"]);

      const left = await site.inventory();
      // The role is the account's, not the stack's.
      expect(left).toEqual([expect.stringMatching(/^role certferry-gateway-log-/)]);
    }, 240_000);
  },
);
