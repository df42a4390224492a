import type { KubeClient, ResourceClient } from "../../../operator/runtime/client.ts";
import type { KubeObject } from "../../../operator/runtime/objects.ts";
import { applyYaml, kindOf } from "../../harness/index.ts";
import { mint } from "../reels/manifest-file.ts";

const WORKERS = 16;
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
 * What controllers do that have an object for each thing in a cloud (Crossplane's providers, AWS's ACK), as far as
 * the API server is concerned: the object is created, gets a finalizer and an annotation with the thing's name, and
 * then a status with its identifiers and conditions. No call to a cloud, no queue, no rate limit, and none of the
 * further writes that both make (Crossplane notes the beginning of each creation as well).
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
  const claimed = await certificates.update({
    ...created,
    metadata: {
      ...created.metadata,
      finalizers: [FINALIZER],
      annotations: { "iot.bench.example/external-name": name },
    },
  });
  const now = new Date().toISOString();
  const condition = (type: string, reason: string): object => ({
    type,
    status: "True",
    reason,
    lastTransitionTime: now,
    observedGeneration: 1,
  });
  await certificates.updateStatus({
    ...claimed,
    status: {
      certificateId: name.repeat(3),
      arn: `arn:aws:iot:eu-west-1:123456789012:cert/${name.repeat(3)}`,
      thingArn: `arn:aws:iot:eu-west-1:123456789012:thing/${name}`,
      conditions: [condition("Synced", "ReconcileSuccess"), condition("Ready", "Available")],
    },
  });
}
