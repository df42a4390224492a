import { describe, expect, it } from "vitest";
import type { CloudApi, CloudApiStatus } from "../../../crds/index.ts";
import { API_VERSION } from "../../../crds/index.ts";
import { cloudApiStatus, type CloudApiView } from "./status.ts";

const NOW = new Date("2026-05-01T00:00:00Z");

function view(
  more: Partial<CloudApiView> & { spec?: Partial<CloudApi["spec"]>; status?: CloudApiStatus } = {},
): CloudApiView {
  const { spec, status, ...rest } = more;
  return {
    api: {
      apiVersion: API_VERSION,
      kind: "CloudApi",
      metadata: { namespace: "acme", name: "a", generation: 1 },
      spec: { type: "Azure", ...spec },
      ...(status === undefined ? {} : { status }),
    },
    endpoint: "https://hub.example.com/interop",
    probe: { passed: true, info: { compatibilityVersion: 1, capabilities: [] } },
    devicesProvisioned: 3,
    otherDefaults: [],
    ...rest,
  };
}

function conditions(status: CloudApiStatus): string[] {
  return (status.conditions ?? []).map(({ type, status: value, reason }) => `${type} ${value} ${reason}`);
}

describe("cloudApiStatus", () => {
  it("is ready with endpoint and version when the cloud answered", () => {
    const status = cloudApiStatus(view(), NOW);
    expect(conditions(status)).toEqual(["Ready True Connected"]);
    expect(status).toMatchObject({
      endpoint: "https://hub.example.com/interop",
      compatibilityVersion: 1,
      devicesProvisioned: 3,
    });
  });

  it("keeps what the cloud told when it does not answer any more, and says why it does not", () => {
    const before = cloudApiStatus(view(), NOW);
    const probe = { passed: false, reason: "Unauthorized", message: "401", transient: false } as const;
    const status = cloudApiStatus(view({ status: before, probe }), NOW);
    expect(conditions(status)).toEqual(["Ready False Unauthorized", "Reconciling True Unauthorized"]);
    expect(status.compatibilityVersion).toBe(1);
  });

  it("is computed from itself without a change, so that a probe alone writes nothing", () => {
    const before = cloudApiStatus(view({ spec: { default: true } }), NOW);
    expect(cloudApiStatus(view({ spec: { default: true }, status: before }), new Date(0))).toEqual(before);
  });

  it("says which other default makes it no default, and forgets it when it is none any more", () => {
    const status = cloudApiStatus(view({ spec: { default: true }, otherDefaults: ["b"] }), NOW);
    expect(conditions(status)).toContain("Default False AmbiguousDefault");
    expect(conditions(cloudApiStatus(view({ status }), NOW))).toEqual(["Ready True Connected"]);
  });

  it("is suspended when people say so", () => {
    expect(conditions(cloudApiStatus(view({ spec: { suspend: true }, probe: undefined }), NOW))).toEqual([
      "Ready False Suspended",
      "Stalled True Suspended",
    ]);
  });
});
