import { API_VERSION } from "../kinds.ts";
import type { Obj } from "./api.ts";

/** Objects that are admitted; tests spoil them in one place at a time. */

export const DIGEST = "98".repeat(32);

function object(kind: string, name: string, spec: Record<string, unknown>): Obj {
  return { apiVersion: API_VERSION, kind, metadata: { name }, spec };
}

export function reel(spec: Record<string, unknown> = {}, name = "d001"): Obj {
  return object("Reel", name, { batchId: "D001", manifest: { file: { path: "2026/D001.csv" } }, ...spec });
}

export function reelFrom(manifest: Record<string, unknown>): Obj {
  return reel({ manifest });
}

export const AWS = {
  accountId: "123456789012",
  apiGatewayId: "a1b2c3d4e5",
  region: "eu-west-1",
  stage: "Prod",
};
export const AZURE = {
  interopUrl: "https://factory.azurewebsites.net/interop",
  subscriptionId: "5e0f6a4e-8f3b-4a57-9c39-1d2b7f60c8aa",
};
export const OTHER = {
  url: "https://registry.example.com/interop",
  cloud: "Private",
  credentialsSecretRef: { name: "own-registry" },
};

export function aws(block: Record<string, unknown> = {}, spec: Record<string, unknown> = {}): Obj {
  return object("CloudApi", "aws-eu", { type: "AWS", aws: { ...AWS, ...block }, ...spec });
}

export function azure(block: Record<string, unknown> = {}): Obj {
  return object("CloudApi", "azure-hub", { type: "Azure", azure: { ...AZURE, ...block } });
}

export function other(block: Record<string, unknown> = {}): Obj {
  return object("CloudApi", "own-registry", { type: "Other", other: { ...OTHER, ...block } });
}

export function batch(spec: Record<string, unknown> = {}, name = "line-1"): Obj {
  return object("DeviceBatch", name, { batchId: "D001", ...spec });
}

export function binding(spec: Record<string, unknown> = {}, name = "d001"): Obj {
  return object("ReelBinding", name, {
    account: "acme",
    batchId: "D001",
    batch: "line-1",
    boundAt: "2026-11-03T10:00:00Z",
    evaluatedAt: "2026-11-03T09:59:58Z",
    manifestSha256: DIGEST,
    devices: 2,
    records: 3,
    ...spec,
  });
}

export function ledger(spec: Record<string, unknown> = {}): Obj {
  return object("ProvisioningLedger", "d001-1f2e3d-0", {
    reel: "d001",
    account: "acme",
    target: { key: "AWS/123456789012/eu-west-1", type: "AWS", cloudApi: "aws-eu" },
    manifestSha256: DIGEST,
    chunk: { index: 0, first: 0, devices: 3 },
    format: "v1",
    data: "AAEC",
    counts: { provisioned: 2, failed: 0, pending: 0, quarantined: 1 },
    ...spec,
  });
}
