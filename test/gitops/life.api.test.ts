import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { objectsOf } from "../../charts/output/plain.ts";
import { WAITED_FOR_REEL } from "../../crds/index.ts";
import { CAPABILITIES } from "../../interop/protocol/capabilities.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { manifestCsv } from "../../tools/factory/index.ts";
import { findKubectl } from "../../tools/kubectl/source.ts";
import { missingPart } from "../../tools/setup/missing-part.ts";
import type { TestCloud } from "../clouds/index.ts";
import { Field, OPERATOR_NAMESPACE } from "../field/field.ts";
import { apply, eventually } from "../harness/index.ts";
import { Kubectl } from "./kubectl.ts";
import { Repository } from "./repository.ts";

const missing = await missingPart(findKubectl());

const DEVICES = 12;
/** Who Flux's kustomize-controller is to the API server, and on whose behalf it acts. */
const FLUX = "--field-manager=kustomize-controller";
const ACME = "--as=system:serviceaccount:acme:gitops";
const BATCH = ["-n", "acme", "batch/week-45"];

interface ManagedFields {
  readonly manager: string;
  readonly subresource?: string;
  readonly fieldsV1: Record<string, Record<string, Record<string, object>>>;
}

describe.skipIf(missing !== undefined)(`a batch that is declared in Git${missing ?? ""}`, () => {
  let field: Field;
  let kubectl: Kubectl;
  let repository: Repository;
  let overlay: string;
  let aws: TestCloud;
  let azure: TestCloud;

  beforeAll(async () => {
    [field, repository] = await Promise.all([Field.open(), Repository.clone()]);
    kubectl = new Kubectl(field.plane.kubeconfig);
    const parts = objectsOf({}, { namespace: OPERATOR_NAMESPACE, version: "0.0.0" });
    for (const part of ["people-roles", "policies"])
      await apply(field.client, (parts.get(part) ?? []) as KubeObject[]);
    aws = await field.cloud("acme", { capabilities: CAPABILITIES });
    azure = await field.cloud("acme", { flavor: "azure", capabilities: CAPABILITIES });
    overlay = await repository.overlay("acme", {
      "aws-eu": { aws: { endpoint: aws.origin }, caBundle: aws.caPem },
      "azure-hub": { azure: { interopUrl: azure.url }, caBundle: azure.caPem },
    });
    const devices = await field.issuer.issueMany(DEVICES, { batchId: "D010" });
    await writeFile(join(field.manifests, "D010.csv"), manifestCsv(devices, { batchId: "D010" }));
    await field.operator();
  });

  afterAll(async () => {
    await repository?.close();
    await field?.close();
  });

  const platform = (verb: string): string[] => [
    verb,
    "--server-side",
    FLUX,
    "-k",
    join(repository.folder, "platform"),
  ];
  const account = (verb: string): string[] => [verb, "--server-side", FLUX, ACME, "-k", overlay];
  const devicesIn = (cloud: TestCloud): number => cloud.registry.counts().devices;
  const waitReady = async (): Promise<string> =>
    await kubectl.run("wait", "--for=condition=Ready", "--timeout=30s", ...BATCH);

  it("is bound and provisioned, with the rights of its account's own ServiceAccount, in any order", async () => {
    // The account's part can be there before its reel.
    await kubectl.run("create", "namespace", "acme");
    await kubectl.run(
      "apply",
      "--server-side",
      FLUX,
      "-f",
      join(repository.folder, "platform/accounts.yaml"),
    );
    await eventually(async () => (await kubectl.try(...account("apply"))).code === 0);
    await field.awaitBatch("acme", "week-45", { type: "Bound", status: "False", reason: "ReelNotFound" });
    await kubectl.run(...platform("apply"));
    await waitReady();
    expect([devicesIn(aws), devicesIn(azure)]).toEqual([DEVICES, 0]);
  });

  it("has no field over which the operator and Git fight", async () => {
    for (const apply of [platform, account]) {
      // Exit code 0: not a field would change; and no conflict, for nothing is forced.
      expect(await kubectl.try(...apply("diff"))).toEqual({ code: 0, stdout: "", stderr: "" });
    }
    const objects = [
      await field.reels.get({ name: "d010" }),
      await field.batches.get({ namespace: "acme", name: "week-45" }),
      await field.cloudApis.get({ namespace: "acme", name: "aws-eu" }),
      await field.cloudApis.get({ namespace: "acme", name: "azure-hub" }),
    ];
    for (const object of objects) expect(touchedByTheOperator(object), object.kind).toEqual([]);
    const versions = async (): Promise<(string | undefined)[]> =>
      [
        await field.reels.get({ name: "d010" }),
        await field.batches.get({ namespace: "acme", name: "week-45" }),
        await field.cloudApis.get({ namespace: "acme", name: "aws-eu" }),
      ].map(({ metadata }) => metadata.resourceVersion);
    const before = await versions();
    for (const again of [platform, account]) await kubectl.run(...again("apply"));
    expect(await versions()).toEqual(before);
  });

  it("is refused to who may not change the platform's part", async () => {
    const { code, stderr } = await kubectl.try(...platform("apply"), ACME);
    expect(code).toBe(1);
    expect(stderr).toContain("reels.certferry.dev");
  });

  it("goes into another cloud by a line more", async () => {
    await repository.edit("accounts/acme/week-45.yaml", (batch) =>
      batch.setIn(["spec", "cloudApis"], [{ name: "aws-eu" }, { name: "azure-hub" }]),
    );
    expect((await kubectl.try(...account("diff"))).stdout).toMatch(/^\+ +- name: azure-hub$/m);
    await kubectl.run(...account("apply"));
    // Not for the Ready of before: kubectl looks at the generation that it is of.
    await waitReady();
    expect([devicesIn(aws), devicesIn(azure)]).toEqual([DEVICES, DEVICES]);
    expect((await kubectl.try(...account("diff"))).code).toBe(0);
  });

  it("is taken out of a cloud by a line less", async () => {
    await repository.edit("accounts/acme/week-45.yaml", (batch) =>
      batch.setIn(["spec", "cloudApis"], [{ name: "azure-hub" }]),
    );
    await kubectl.run(...account("apply"));
    await waitReady();
    expect([devicesIn(aws), devicesIn(azure)]).toEqual([0, DEVICES]);
  });

  it("takes its devices out of every cloud when its file goes, and its reel stays with the account", async () => {
    // What pruning does.
    await kubectl.run("delete", "--timeout=30s", ACME, ...BATCH);
    expect([devicesIn(aws), devicesIn(azure)]).toEqual([0, 0]);
    expect((await field.bindings.get({ name: "d010" })).spec).toMatchObject({ account: "acme" });
    await repository.edit("accounts/acme/kustomization.yaml", (kustomization) =>
      kustomization.setIn(["resources"], ["cloud-apis.yaml"]),
    );
    expect((await kubectl.try(...account("diff"))).code).toBe(0);
    await kubectl.run("delete", "--timeout=30s", ACME, "-k", overlay);
  });

  it("comes back when its deletion is reverted, and is applied by the client's side as well", async () => {
    await repository.edit("accounts/acme/kustomization.yaml", (kustomization) =>
      kustomization.setIn(["resources"], ["cloud-apis.yaml", "week-45.yaml"]),
    );
    // As Argo CD applies unless it is told otherwise.
    await kubectl.run("apply", ACME, "-k", overlay);
    await waitReady();
    expect([devicesIn(aws), devicesIn(azure)]).toEqual([0, DEVICES]);
    expect(await kubectl.try("diff", ACME, "-k", overlay)).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});

/** Fields outside its status that the operator owns, but for finalizers and its own note that a batch was early. */
function touchedByTheOperator({ metadata }: KubeObject): string[] {
  const { managedFields = [] } = metadata as { managedFields?: ManagedFields[] };
  const git = managedFields.filter(({ manager }) => manager === "kustomize-controller");
  expect(git.length).toBeGreaterThan(0);
  return managedFields
    .filter(({ manager, subresource }) => manager !== "kustomize-controller" && subresource !== "status")
    .flatMap(({ fieldsV1 }) =>
      Object.entries(fieldsV1).flatMap(([top, fields]) =>
        Object.entries(fields).flatMap(([name, inner]) =>
          name === "f:annotations"
            ? Object.keys(inner).map((key) => `${top} ${name} ${key}`)
            : [`${top} ${name}`],
        ),
      ),
    )
    .filter(
      (path) =>
        ![
          "f:metadata f:finalizers",
          "f:metadata f:annotations .",
          `f:metadata f:annotations f:${WAITED_FOR_REEL}`,
        ].includes(path),
    );
}
