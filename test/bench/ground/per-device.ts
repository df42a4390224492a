import type { KubeClient, ResourceClient } from "../../../operator/runtime/client.ts";
import type { KubeObject } from "../../../operator/runtime/objects.ts";
import { applyYaml, kindOf } from "../../harness/index.ts";
import { mint } from "../reels/manifest-file.ts";

/** Crossplane's `--max-reconcile-rate` unless it is told otherwise; ACK ships with one at a time. */
const WORKERS = 10;
const API_VERSION = "iot.bench.example/v1";
const FINALIZER = "finalizer.iot.bench.example";

const DEFINITION = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: certificates.iot.bench.example}
spec:
  group: iot.bench.example
  scope: Cluster
  names: {kind: Certificate, plural: certificates}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema:
        openAPIV3Schema:
          type: object
          x-kubernetes-preserve-unknown-fields: true
`;

interface Certificate extends KubeObject {
  spec: unknown;
  status?: unknown;
}

/**
 * What a controller does that has an object for each thing in a cloud, as far as the API server is concerned: the
 * object is created; it gets a finalizer, a note that its creation begins and one that it succeeded, with the name in
 * the cloud; then a status as it is created and one when it was seen. Those are the writes of Crossplane's managed
 * reconciler (crossplane-runtime, pkg/reconciler/managed/reconciler.go); AWS's ACK makes a few less. No call to a
 * cloud, no reading, no queue, no event and no rate limit.
 * @returns seconds
 */
export async function onePerDevice(client: KubeClient, devices: number): Promise<number> {
  await applyYaml(client, DEFINITION);
  const kind = await kindOf(client, { apiVersion: API_VERSION, kind: "Certificate" });
  const certificates = client.resource<Certificate>(kind);
  const source = await mint();
  const texts = Array.from({ length: devices }, (_, ordinal) => {
    const { deviceId, der } = source.device(1, ordinal);
    return { name: deviceId.toLowerCase(), pem: der.toString("base64") };
  });
  const started = performance.now();
  const work = async (): Promise<void> => {
    for (let device = texts.pop(); device !== undefined; device = texts.pop())
      await reconcile(certificates, device);
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  return (performance.now() - started) / 1_000;
}

async function reconcile(
  certificates: ResourceClient<Certificate>,
  { name, pem }: { name: string; pem: string },
): Promise<void> {
  const created = await certificates.create({
    apiVersion: API_VERSION,
    kind: "Certificate",
    metadata: { name, labels: { "bench.example/batch": "d010" } },
    spec: {
      region: "eu-west-1",
      certificatePem: pem,
      status: "ACTIVE",
      providerConfigRef: { name: "default" },
    },
  });
  let current = await certificates.update({
    ...created,
    metadata: { ...created.metadata, finalizers: [FINALIZER] },
  });
  const annotations: Record<string, string> = {};
  for (const note of ["external-create-pending", "external-create-succeeded"]) {
    annotations[`iot.bench.example/${note}`] = new Date().toISOString();
    if (note.endsWith("succeeded")) annotations["iot.bench.example/external-name"] = name;
    current = await certificates.update({ ...current, metadata: { ...current.metadata, annotations } });
  }
  for (const ready of ["Creating", "Available"]) {
    current = await certificates.updateStatus({ ...current, status: statusOf(name, ready) });
  }
}

function statusOf(name: string, ready: string): object {
  const lastTransitionTime = new Date().toISOString();
  const condition = (type: string, reason: string, status: string): object => ({
    type,
    status,
    reason,
    lastTransitionTime,
    observedGeneration: 1,
  });
  return {
    atProvider: {
      certificateId: name.repeat(3),
      arn: `arn:aws:iot:eu-west-1:123456789012:cert/${name.repeat(3)}`,
      thingArn: `arn:aws:iot:eu-west-1:123456789012:thing/${name}`,
    },
    conditions: [
      condition("Synced", "ReconcileSuccess", "True"),
      condition("Ready", ready, ready === "Available" ? "True" : "False"),
    ],
  };
}
