import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { findKubectl } from "../../tools/kubectl/source.ts";
import { missingPart } from "../../tools/setup/missing-part.ts";
import { CAPABILITIES } from "../../interop/protocol/capabilities.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import type { TestCloud } from "../clouds/index.ts";
import { asDocumented } from "../field/documented.ts";
import { Field } from "../field/field.ts";
import { eventually, type OperatorProcess } from "../harness/index.ts";

const FOREIGN = "example.com/audit";

const missing = await missingPart(findKubectl());

describe.skipIf(missing !== undefined)(
  `an operator that is gone before what it holds${missing ?? ""}`,
  () => {
    let field: Field;
    let operator: OperatorProcess;
    let cloud: TestCloud;
    let folder: string;

    beforeAll(async () => {
      field = await Field.open();
      folder = await mkdtemp(join(tmpdir(), "certferry-way-out-"));
      operator = await field.operator();
      await bound("acme");
      await operator.stop();
    });

    afterAll(async () => {
      await field?.close();
      await rm(folder, { recursive: true, force: true });
    });

    async function bound(account: string): Promise<void> {
      await field.account(account);
      cloud = await field.cloud(account, { capabilities: CAPABILITIES });
      await field.awsApi(account, "aws", cloud);
      const batchId = `${account}-1`;
      await field.ship(batchId, 3);
      const cloudApis = [{ name: "aws" }];
      await field.batch(account, "held", { batchId, cloudApis, deletionPolicy: "Deprovision" });
      await field.awaitReady(account, "held");
    }

    /** One of the blocks under that heading. */
    const documented = async (block: number): Promise<void> => {
      const place = { page: "upgrades.md", heading: "When the operator has gone first", block };
      await asDocumented(place, { kubeconfig: field.plane.kubeconfig, cwd: folder });
    };

    const gone = async (): Promise<boolean> => (await field.namespaces.find({ name: "acme" })) === undefined;

    it("strands a namespace until it is let go as documented; its records stay, in a file and in the cluster", async () => {
      const held = { namespace: "acme", name: "held" };
      const { finalizers: ours = [] } = (await field.batches.get(held)).metadata;
      expect(ours).not.toEqual([]);
      await field.batches.patch(held, { metadata: { finalizers: [FOREIGN, ...ours, `${FOREIGN}-2`] } });
      await field.namespaces.delete({ name: "acme" });
      await eventually(
        async () => (await field.batches.get({ namespace: "acme", name: "held" })).metadata.deletionTimestamp,
      );
      expect(await gone()).toBe(false);
      await documented(0);
      // Whoever else holds it still does.
      expect((await field.batches.get(held)).metadata.finalizers).toEqual([FOREIGN, `${FOREIGN}-2`]);
      await field.batches.patch(held, { metadata: { finalizers: null } });
      await eventually(gone, { what: "the namespace is gone" });
      const { items } = parse(await readFile(join(folder, "certferry-records.yaml"), "utf8")) as {
        items: KubeObject[];
      };
      expect(new Set(items.map(({ kind }) => kind))).toEqual(
        new Set(["Reel", "CloudApi", "DeviceBatch", "ReelBinding", "ProvisioningLedger"]),
      );
      expect(cloud.registry.counts().devices).toBe(3);
      expect((await field.ledgers.list()).items.map(({ spec }) => spec.counts.provisioned)).toEqual([3]);
    });

    it("has lost nothing for the next one: the account takes its reel up and nothing is pushed again", async () => {
      const before = cloud.received.of("provision").length;
      operator = await field.operator();
      await eventually(async () => (await field.bindings.get({ name: "acme-1" })).spec.batch === undefined, {
        what: "the reel is held by no batch",
      });
      await field.account("acme");
      await field.awsApi("acme", "aws", cloud);
      await field.batch("acme", "heir", { batchId: "ACME-1", cloudApis: [{ name: "aws" }] });
      await field.awaitReady("acme", "heir");
      expect(cloud.received.of("provision").length).toBe(before);
      await operator.stop();
    });

    it("leaves nothing that cannot be deleted", async () => {
      await field.batches.delete({ namespace: "acme", name: "heir" });
      await documented(0);
      await documented(1);
      expect((await field.bindings.list()).items).toEqual([]);
      expect((await field.ledgers.list()).items).toEqual([]);
      await field.reels.delete({ name: "acme-1" });
      await field.namespaces.delete({ name: "acme" });
      await documented(0);
      await eventually(gone, { what: "the namespace is gone" });
    });
  },
);
