import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { EgressPolicy } from "../interop/egress/policy.ts";
import { clusterRangesUnknown, readOptions } from "./options.ts";

const run = promisify(execFile);
const inPod = { KUBERNETES_SERVICE_HOST: "10.96.0.1" };
const read = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  readOptions(["node", "operator", ...args], env);

describe("the cluster's own addresses", () => {
  it("are refused as far as the pod's environment tells them", () => {
    const { clusterCidrs } = read([], inPod);
    const egress = new EgressPolicy({ clusterCidrs, env: {} });
    expect(egress.refusal("10.96.0.1")?.message).toContain("the cluster's own");
    expect(egress.refusal("10.96.0.2")).toBeUndefined();
    const six = read([], { KUBERNETES_SERVICE_HOST: "fd00:96::1" });
    expect(new EgressPolicy({ ...six, env: {} }).refusal("fd00:96::1")).toBeDefined();
  });

  it("are refused beside the ranges that were told", () => {
    const { clusterCidrs } = read(["--cluster-cidr", "10.244.0.0/16"], inPod);
    const egress = new EgressPolicy({ clusterCidrs, env: {} });
    expect(egress.refusal("10.96.0.1")).toBeDefined();
    expect(egress.refusal("10.244.7.1")).toBeDefined();
  });

  it("may be given as a name, which is no range", () => {
    expect(read([], { KUBERNETES_SERVICE_HOST: "api.cluster.example" }).clusterCidrs).toEqual([]);
  });

  it("are worth a warning where nobody told the ranges to an operator in a cluster", () => {
    expect(clusterRangesUnknown(read([], inPod))).toBe(true);
    expect(clusterRangesUnknown(read(["--cluster-cidr", "10.96.0.0/12"], inPod))).toBe(false);
    expect(clusterRangesUnknown(read(["--kubeconfig", "k"], {}))).toBe(false);
  });
});

describe("a number of seconds", () => {
  it("is taken up to a day", () => {
    const options = read(["--cloud-deadline", "86400", "--request-timeout", "0.5"]);
    expect(options).toMatchObject({ cloudDeadlineMs: 86_400_000, requestTimeoutMs: 500 });
  });

  it.each(["--cloud-deadline", "--request-timeout"])(
    "is refused for %s where a timer would overflow and fire at once",
    async (flag) => {
      const main = join(import.meta.dirname, "main.ts");
      const child = run(process.execPath, [main, flag, "2147484"], { timeout: 30_000 });
      await expect(child).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining("86400") as string,
      });
    },
  );
});

describe("the accounts that are served", () => {
  it("are all, unless some are named", () => {
    expect(read([]).watchNamespaces).toEqual([]);
    const twice = ["--watch-namespace", "acme", "--watch-namespace", "globex", "--watch-namespace", "acme"];
    expect(read(twice).watchNamespaces).toEqual(["acme", "globex"]);
  });

  it("are names of namespaces", async () => {
    const main = join(import.meta.dirname, "main.ts");
    const child = run(process.execPath, [main, "--watch-namespace", "Acme,globex"], { timeout: 30_000 });
    await expect(child).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("name of a namespace") as string,
    });
  });
});

describe("how often clouds are asked", () => {
  it("is once a day, unless another time is given, or never", () => {
    expect(read([]).checkEveryMs).toBe(86_400_000);
    expect(read(["--check-every", "90m"]).checkEveryMs).toBe(5_400_000);
    expect(read(["--check-every", "0"]).checkEveryMs).toBe(0);
  });

  it.each(["1", "0h", "500h", "-1h", "1.5h", "daily"])("is not %s", async (value) => {
    const main = join(import.meta.dirname, "main.ts");
    const child = run(process.execPath, [main, `--check-every=${value}`], { timeout: 30_000 });
    await expect(child).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("or 0 for never") as string,
    });
  });
});
