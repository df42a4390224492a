import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { objectsOf } from "../charts/output/plain.ts";
import { CAPABILITIES } from "../interop/protocol/capabilities.ts";
import type { DeviceBatch } from "../crds/index.ts";
import type { KubeObject } from "../operator/runtime/objects.ts";
import { Field, OPERATOR_NAMESPACE } from "../test/field/field.ts";
import { apply } from "../test/harness/index.ts";
import { manifestCsv } from "../tools/factory/index.ts";
import { layCommandLine } from "./bundle/build.ts";
import { certferry, type CommandOptions, type CommandRun, screenOf } from "./testing/command-line.ts";

const ACCOUNT = "acme";
const TERMINAL = { columns: 72, rows: 24 };
const ESCAPE = "\u001B";
const run = promisify(execFile);

let field: Field;
let folder: string;
let main: string;

beforeAll(async () => {
  field = await Field.open();
  main = await layCommandLine(await mkdtemp(join(tmpdir(), "certferry-installed-")));
  folder = await mkdtemp(join(tmpdir(), "certferry-cli-"));
  const parts = objectsOf({}, { namespace: OPERATOR_NAMESPACE, version: "0.0.0" });
  for (const part of ["people-roles", "policies"])
    await apply(field.client, (parts.get(part) ?? []) as KubeObject[]);
  await field.account(ACCOUNT);
  for (const role of ["viewer", "binder"]) await apply(field.client, [grant(role)]);
  await field.awsApi(ACCOUNT, "aws-eu", await field.cloud(ACCOUNT), { default: true });
  await field.azureApi(ACCOUNT, "azure-hub", await field.cloud(ACCOUNT, { flavor: "azure" }));
  await field.operator();
});

afterAll(async () => {
  await field?.close();
  for (const made of [folder, dirname(main)]) await rm(made, { recursive: true, force: true });
});

function grant(role: string): KubeObject {
  const RBAC = "rbac.authorization.k8s.io";
  return {
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: `the-${role}` },
    roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: `certferry-${role}` },
    subjects: [{ apiGroup: RBAC, kind: "User", name: `the-${role}` }],
  } as KubeObject;
}

async function cli(args: string, options: CommandOptions = {}): Promise<CommandRun> {
  const env = { KUBECONFIG: field.plane.kubeconfig, ...options.env };
  return await certferry([...args.split(" "), "-n", ACCOUNT], { cwd: folder, main, ...options, env });
}

describe("bind and status", () => {
  it("binds a reel and waits until its devices are in the default cloud; to bind it again is an error", async () => {
    await field.ship("D001", 2);
    const bound = await cli("bind D001 --wait -o name");
    expect(bound.code, bound.stderr).toBe(0);
    expect(bound.stdout).toBe("devicebatch.certferry.dev/d001\n");
    expect(bound.stderr).toMatch(/^acme\/d001: Provisioned, aws-eu Provisioned 2\/2$/m);
    const { metadata, spec } = await field.batches.get({ namespace: ACCOUNT, name: "d001" });
    expect(spec.batchId).toBe("D001");
    expect(metadata.annotations).toMatchObject({
      "certferry.dev/added-from": "CLI",
      "certferry.dev/added-by": expect.stringMatching(/./),
    });
    const again = await cli("bind d001");
    expect(again.code).toBe(5);
    expect(again.stderr).toMatch(/^error: batch acme\/d001 binds reel d001 already \(Provisioned/);
  });

  it("is installed by npm alone, without a registry, under its own name and as a kubectl plugin", async () => {
    const prefix = join(folder, "installed");
    const flags = ["--global", "--offline", "--install-links", "--no-audit", "--no-fund"];
    await run("npm", ["install", ...flags, "--prefix", prefix, dirname(main)], { timeout: 50_000 });
    for (const [name, usage] of [
      ["certferry", "certferry"],
      ["kubectl-certferry", "kubectl certferry"],
    ] as const) {
      const { stdout } = await certferry(["--help"], { main: join(prefix, "bin", name) });
      expect(stdout.split("\n")[0]).toBe(`Usage: ${usage} [options] [command]`);
    }
    const installed = join(prefix, "bin", "certferry");
    const minted = await cli("reel mint --count 2 --batch I001 --out installed-reel", { main: installed });
    expect([minted.code, minted.stdout]).toEqual([0, "I001\n"]);
    const mint = "reel mint --count 1 --batch I002 --device-keys";
    const [more, none] = await Promise.all([
      cli(`${mint} --out more-reels --ca installed-reel`),
      cli(`${mint} --out no-reels --ca nowhere`),
    ]);
    expect([more.code, none.code], more.stderr).toEqual([0, 2]);
    expect(none.stderr).toMatch(/^error: nowhere holds no CA to go on with: /);
    const ca = new X509Certificate(await readFile(join(folder, "installed-reel", "ca.pem")));
    const keyed = await readdir(join(folder, "more-reels", "I002-keys"));
    const made = keyed.find((name) => !name.endsWith(".key.pem")) ?? "none";
    const device = new X509Certificate(await readFile(join(folder, "more-reels", "I002-keys", made)));
    expect(device.verify(ca.publicKey)).toBe(true);
    expect(await readdir(join(folder, "more-reels"))).toEqual(["I002-keys", "I002.csv"]);
    expect((await stat(join(folder, "installed-reel", "ca.key.pem"))).mode & 0o777).toBe(0o600);
  });

  it("takes the link of a QR code, whatever host it names", async () => {
    const { code, stdout } = await cli(
      "bind https://labels.example.net/cloud-id?groupId=Q001 --dry-run -o json",
    );
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as DeviceBatch).spec.batchId).toBe("Q001");
    expect(await field.batches.find({ namespace: ACCOUNT, name: "q001" })).toBeUndefined();
  });

  it("draws progress in a terminal, within its width, and leaves the cursor visible", async () => {
    await field.ship("D002", 40);
    const { code, stdout } = await cli("bind D002 --wait -c aws-eu -c azure-hub", { terminal: TERMINAL });
    expect(code).toBe(0);
    expect(stdout.lastIndexOf(`${ESCAPE}[?25h`)).toBeGreaterThan(stdout.lastIndexOf(`${ESCAPE}[?25l`));
    const screen = screenOf(stdout, TERMINAL.columns).join("\n");
    expect(screen).toMatch(/^acme\/d002 {2}reel D002$/m);
    expect(screen).toMatch(/^ {2}azure-hub +━+ 40\/40 {2}100 % {2}Provisioned$/m);
    expect(screen.match(/azure-hub/g)).toHaveLength(2);
    expect(stdout).toContain(`${ESCAPE}[32m`);
    const plain = await cli("status", { terminal: TERMINAL, env: { NO_COLOR: "1" } });
    expect(plain.stdout).not.toContain(ESCAPE);
  });

  it.each([
    ["a terminal", TERMINAL],
    ["a pipe", undefined],
  ])(
    "ends the waiting at Ctrl-C with 130, and says that the work goes on, in %s",
    async (_where, terminal) => {
      const name = terminal === undefined ? "absent-1" : "absent-2";
      const { code, stdout, stderr } = await cli(`bind ${name.toUpperCase()} --wait`, {
        ...(terminal === undefined ? {} : { terminal }),
        type: (seen) => (seen.includes("ReelNotFound") ? "\u0003" : undefined),
      });
      expect(code).toBe(130);
      expect(stdout + stderr).toContain(`The work goes on in the cluster: certferry status ${name} -n acme`);
      expect(await field.batches.find({ namespace: ACCOUNT, name })).toBeDefined();
    },
  );

  it("gives up after --timeout with 124", async () => {
    const { code, stderr } = await cli("bind ABSENT-3 --wait --timeout 1s");
    expect(code).toBe(124);
    expect(stderr).toMatch(/^error: batch acme\/absent-3 was not ready within 1 seconds$/m);
  });

  it("shows all batches for people and the same for programs, in one order", async () => {
    const [table, json, one, yaml] = await Promise.all([
      cli("status -o wide"),
      cli("status -o json"),
      cli("status D001"),
      cli("status d001 -o yaml"),
    ]);
    expect(table.stdout.split("\n")[0]).toMatch(
      /^NAME +BATCH +BOUND +PROVISIONED +FAILED +STATUS +CLOUDS +AGE +BOUND AT +PROVISIONED AT +ADDED BY +ADDED FROM +MESSAGE$/,
    );
    expect(table.stdout).toMatch(/^d001 +D001 +2 +2 +0 +Provisioned +aws-eu /m);
    const { items } = JSON.parse(json.stdout) as { items: DeviceBatch[] };
    const names = items.map(({ metadata }) => metadata.name);
    expect(names).toEqual(names.toSorted());
    expect(names).toContain("d002");
    expect(one.stdout).toMatch(/^Bound {7}2 devices at 20/m);
    expect(yaml.stdout).toMatch(/^kind: DeviceBatch$/m);
  });

  it("is live on a terminal while anything is under way, and one picture else", async () => {
    const slow = await field.cloud(ACCOUNT);
    slow.manners.latencyMs = 250;
    const limits = { maxDevicesPerRequest: 1, maxInFlight: 1 };
    await field.awsApi(ACCOUNT, "slow", slow, { region: "eu-north-1", limits });
    await field.ship("L001", 100);
    expect((await cli("bind L001 -c slow")).code).toBe(0);
    const wanted = { type: "Ready", status: "Unknown", reason: "Provisioning" };
    await field.awaitBatch(ACCOUNT, "l001", wanted);
    const [still, piped] = await Promise.all([
      cli("status l001 --no-watch", { terminal: TERMINAL }),
      cli("status l001"),
    ]);
    expect(still.stdout).toMatch(/Provisioning/);
    expect(still.stdout).not.toContain(`${ESCAPE}[?25l`);
    expect(piped.stdout.match(/^acme\/l001 /gm)).toHaveLength(1);
    const drawn = new Set<string>();
    const live = await Promise.all(
      ["status l001", "status"].map((args) =>
        cli(args, {
          terminal: TERMINAL,
          type: (seen) => {
            // Only when both are seen to be live is the rest let through.
            if (seen.includes("/100 ")) drawn.add(args);
            if (drawn.size === 2) slow.manners.latencyMs = 0;
            return undefined;
          },
        }),
      ),
    );
    expect(live.map(({ code }) => code)).toEqual([0, 0]);
    const [one = "", all = ""] = live.map(({ stdout }) => screenOf(stdout, TERMINAL.columns).join("\n"));
    expect(one).toMatch(/^ {2}slow +━+ 100\/100 {2}100 % {2}Provisioned$/m);
    expect(all).toMatch(/^acme\/l001 +━+ 100\/100 {2}Provisioned$/m);
    for (const { stdout } of live) expect(stdout.endsWith(`${ESCAPE}[?25h`)).toBe(true);
    const { code, stdout } = await cli("status l001", { terminal: TERMINAL });
    expect([code, stdout.includes(`${ESCAPE}[?25l`)]).toEqual([0, false]);
  });

  it("stops quietly when its reader has gone", async () => {
    const { code, stderr } = await cli("devices D002 -o jsonl", { closeAfter: 1 });
    expect([0, 141]).toContain(code);
    expect(stderr).toBe("");
  });
});

describe("provision", () => {
  it("adds a cloud beside the default that was chosen, and leaves that one be", async () => {
    const { code, stderr } = await cli("provision D001 --cloud azure-hub --wait");
    expect(code, stderr).toBe(0);
    const { status } = await field.batches.get({ namespace: ACCOUNT, name: "d001" });
    expect(status?.clouds?.map(({ name, provisioned, state }) => [name, provisioned, state])).toEqual([
      ["aws-eu", 2, "Provisioned"],
      ["azure-hub", 2, "Provisioned"],
    ]);
    const again = await cli("provision d001 --cloud azure-hub");
    expect(again.code).toBe(5);
  });

  it("sends every device once more, and waits for that and not for what was before", async () => {
    const before = await field.batches.get({ namespace: ACCOUNT, name: "d002" });
    const { code, stdout } = await cli("provision d002 --wait -o json");
    expect(code).toBe(0);
    const after = JSON.parse(stdout) as DeviceBatch;
    const ends = ({ status }: DeviceBatch): (string | undefined)[] =>
      status?.clouds?.map(({ provisionedAt }) => provisionedAt) ?? [];
    expect(ends(after)).not.toEqual(ends(before));
    expect(after.metadata.annotations).toHaveProperty(["certferry.dev/provision-requested-at"]);
  });
});

describe("check", () => {
  it("says what clouds told, fails where devices have vanished, and is over when they are there again", async () => {
    const cloud = await field.cloud(ACCOUNT, { capabilities: CAPABILITIES });
    await field.awsApi(ACCOUNT, "telling", cloud, { region: "eu-west-3" });
    await field.ship("C001", 3);
    expect((await cli("bind C001 --cloud telling --wait")).code).toBe(0);
    const whole = await cli("check C001 --wait --timeout 30s");
    expect(whole.code, whole.stderr).toBe(0);
    expect(whole.stdout).toMatch(/^telling\n {4}3 of 3 asked are active, told \ds ago\n$/);
    expect(cloud.registry.lose(cloud.registry.list()[1]?.name ?? "")).toBe(true);
    const gone = await cli("check c001 --wait --timeout 30s");
    expect(gone.code).toBe(6);
    expect(gone.stdout).toMatch(/2 of 3 asked are active, 1 differs, .*\n {6}[0-9A-F]{20}: Missing/);
    expect(gone.stderr).toContain("provision c001 -n acme");
    const shown = await cli("status c001");
    expect(shown.stdout).toContain("2 of 3 asked are active, 1 differs");
    expect((await cli("status c001 -o wide")).stdout).toMatch(/ACTIVE[^\n]*\n[^\n]* 2\/3 /);
    expect((await cli("provision c001 --wait")).code).toBe(0);
    const mended = await cli("check c001 --wait --timeout 30s -o json");
    expect(mended.code, mended.stderr).toBe(0);
    const { status } = JSON.parse(mended.stdout) as DeviceBatch;
    expect(status?.clouds).toMatchObject([{ activity: { asked: 3, active: 3, differing: 0 } }]);
  });

  it("is refused where no cloud tells, with what to look for", async () => {
    const { code, stderr } = await cli("check D001");
    expect(code).toBe(5);
    expect(stderr).toMatch(/^error: no cloud of batch acme\/d001 tells how devices stand \(aws-eu/);
  });
});

describe("reels, devices and manifests", () => {
  it("mints test reels, declares them, and tells the truth about each device", async () => {
    const minted = await cli("reel mint --count 3 --batch T --reels 2 --out minted --add --device-keys");
    expect(minted.code, minted.stderr).toBe(0);
    expect(minted.stdout).toBe("T-1\nT-2\n");
    const csv = await readFile(join(folder, "minted", "T-1.csv"), "utf8");
    expect(csv).not.toContain("PRIVATE KEY");
    expect((await cli("bind T-1 --wait")).code).toBe(0);
    const ids = csv.split("\n").flatMap((line) => /^([0-9A-F]{20}),T-1,/.exec(line)?.[1] ?? []);
    const all = await cli("devices T-1 -o jsonl");
    const lines = all.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ device, cloud, state }) => [device, cloud, state])).toEqual(
      ids.map((id) => [id, "aws-eu", "Provisioned"]),
    );
    const download = await cli("manifest T-1");
    expect(download.stdout).toBe(csv);
    expect((await cli("manifest T-1 --out T-1.7z")).code).toBe(0);
    expect((await cli("manifest T-1 --out T-1.7z")).code).toBe(5);
    const [packed, looked] = await Promise.all([
      cli("devices T-1 -o name --manifest T-1.7z"),
      cli("reel add T-1.7z --batch T-1 --dry-run"),
    ]);
    // Other bytes than the ones that were bound, though they hold the same devices.
    expect(packed.code).toBe(5);
    expect(packed.stderr).toMatch(/SHA-256/);
    expect(looked.stderr).toMatch(/^3 devices \(CloudIdCsv; P-256/);
  });

  it("tells which devices failed, which are quarantined, and why", async () => {
    const { issuer } = field;
    const twins = [
      await issuer.issueDevice({ batchId: "F001", serial: "10203040" }),
      await issuer.issueDevice({ batchId: "F001", serial: "10203040" }),
    ];
    const good = await issuer.issueDevice({ batchId: "F001" });
    const old = await issuer.issueDevice({
      batchId: "F001",
      notBefore: new Date("2001-01-01"),
      notAfter: new Date("2002-01-01"),
    });
    await writeFile(join(folder, "F001.csv"), manifestCsv([...twins, good, old], { batchId: "F001" }));
    const added = await cli("reel add F001.csv --batch F001");
    expect(added.stderr).toMatch(/1 entry will be quarantined/);
    const bound = await cli("bind F001 --wait");
    expect(bound.code).toBe(6);
    expect(bound.stderr).toContain("certferry devices f001 -n acme --failed");
    const watched = await cli("status f001 --watch");
    expect([watched.code, watched.stdout.split("\n")[0]]).toEqual([
      6,
      expect.stringMatching(/^acme\/f001: DevicesFailed, /),
    ]);
    const [failed, refused, pending] = await Promise.all([
      cli("devices F001 --failed"),
      cli("devices F001 --quarantined -o json"),
      cli("devices F001 --pending"),
    ]);
    expect(
      failed.stdout
        .trim()
        .split("\n")
        .map((line) => line.split(/ +/)),
    ).toEqual([
      ["DEVICE", "CLOUD", "STATE", "REASON"],
      ...twins.map(({ deviceId }) => [deviceId, "aws-eu", "Failed", "SerialCollision"]),
    ]);
    expect(JSON.parse(refused.stdout)).toMatchObject([
      { device: old.deviceId, cloud: "", state: "Quarantined", reason: "CertificateExpired" },
    ]);
    expect([pending.code, pending.stdout, pending.stderr]).toEqual([0, "", "No such device.\n"]);
  });

  it("refuses what is wrong in a line or two, without a stack, each with its code", async () => {
    const wrong: [string, number][] = [
      ["reel add nowhere.csv --batch X1", 2],
      ["reel add F001.csv --batch X1", 5],
      ["reel add F001.csv --batch no/id", 2],
      ["devices nobody", 4],
      ["bnid D001", 2],
      ["status --bogus", 2],
      ["bind X1 --wait --timeout soon", 2],
      ["bind X1 --manual -c aws-eu", 2],
    ];
    const runs = await Promise.all(wrong.map(async ([args]) => await cli(args)));
    for (const [at, { code, stdout, stderr }] of runs.entries()) {
      const [args, expected] = wrong[at] ?? [];
      expect([args, code, stdout]).toEqual([args, expected, ""]);
      expect(stderr).toMatch(/^error: /);
      expect(stderr).not.toMatch(/\n\s+at |fault of the command itself/);
    }
  });
});

describe("keys, clouds and the doctor", () => {
  it("make an account with its key before any cloud is there, and rotate it", async () => {
    const made = await certferry(["keys", "init", "-n", "fresh", "--out", "jwks.json"], {
      main,
      cwd: folder,
      env: { KUBECONFIG: field.plane.kubeconfig },
    });
    expect(made.code, made.stderr).toBe(0);
    const written = await readFile(join(folder, "jwks.json"), "utf8");
    expect(JSON.parse(written)).toEqual(await field.keysOf("fresh"));
    expect(written).not.toContain('"d"');
    const rotated = await cli("keys rotate --wait");
    expect(rotated.code, rotated.stderr).toBe(0);
    const shown = await cli("keys show");
    expect(JSON.parse(shown.stdout)).toEqual(await field.keysOf(ACCOUNT));
    const [{ kid = "" } = {}] = (await field.keysOf(ACCOUNT)).keys;
    expect(rotated.stderr).toContain(`Rotated: ${kid} is the key of account acme.`);
  });

  it("tell what the operator found of a cloud, and what is found from here", async () => {
    const good = await cli("cloud probe aws-eu --wait");
    expect(good.code, good.stdout).toBe(0);
    expect(good.stdout).toMatch(/^Operator +Connected: /m);
    expect(good.stdout).toMatch(/^From here +it answers in \d+ ms, and asks for credentials as it should$/m);
    await field.api(ACCOUNT, "away", {
      type: "AWS",
      aws: {
        accountId: "999999999999",
        apiGatewayId: "a1",
        region: "eu-west-1",
        stage: "Prod",
        endpoint: "https://127.0.0.1:1",
      },
    });
    const bad = await cli("cloud probe away");
    expect(bad.code).toBe(7);
    expect(bad.stdout).toMatch(/^From here +ConnectionRefused: /m);
    const ill = await cli("doctor -o json");
    expect(ill.code).toBe(6);
    const { findings } = JSON.parse(ill.stdout) as { findings: { check: string; state: string }[] };
    const sound = findings.filter(({ state }) => state === "good").map(({ check }) => check);
    expect(sound).toEqual(
      expect.arrayContaining(["cluster", "clocks", "kinds", "rights", "operator", "account", "clouds"]),
    );
    expect(findings.filter(({ state }) => state === "bad").map(({ check }) => check)).toContain("clouds");
    await field.cloudApis.delete({ namespace: ACCOUNT, name: "away" });
  });

  it("plan what files would do, and apply nothing", async () => {
    await field.ship("P001", 12);
    await field.awaitReel("P001", "True", "Available");
    const wanted = (name: string, batchId: string): string =>
      `apiVersion: certferry.dev/v1alpha1\nkind: DeviceBatch\nmetadata: {name: ${name}}\nspec: {batchId: ${batchId}}\n`;
    const good = await cli("plan -f -", { stdin: wanted("p1", "P001") });
    expect(good.code, good.stderr).toBe(0);
    expect(good.stdout).toMatch(/^acme\/p1 +P001 +bind +12 +aws-eu 12 +-$/m);
    expect(good.stdout).toMatch(/^acme\/aws-eu: 12 devices at .* about \d+s/m);
    const bad = await cli("plan -f - -o json", {
      stdin: `${wanted("p2", "D001")}---\n${wanted("p3", '"no no"')}`,
    });
    expect(bad.code).toBe(5);
    expect(JSON.parse(bad.stdout)).toMatchObject({
      objects: [{ accepted: true }, { accepted: false }],
      batches: [{ name: "p2", step: "refuse", reason: "AlreadyBound" }],
    });
    expect(await field.batches.find({ namespace: ACCOUNT, name: "p1" })).toBeUndefined();
    expect((await cli("plan -f -", { stdin: "a: [" })).code).toBe(2);
  });

  it("plan reels that stand in the files alone: what can be read from here is counted", async () => {
    const devices = await field.issuer.issueMany(2, { batchId: "P010" });
    const csv = manifestCsv(devices, { batchId: "P010" });
    const map = { namespace: OPERATOR_NAMESPACE, name: "reel-p010" };
    const objects = (["P010", "P011", "P012"] as const).flatMap((batchId) => [
      {
        apiVersion: "certferry.dev/v1alpha1",
        kind: "Reel",
        metadata: { name: batchId.toLowerCase() },
        spec: {
          batchId,
          manifest:
            batchId === "P012"
              ? { file: { path: "p012.csv" } }
              : { configMap: { name: `reel-${batchId.toLowerCase()}`, key: "manifest.csv" } },
        },
      },
      {
        apiVersion: "certferry.dev/v1alpha1",
        kind: "DeviceBatch",
        metadata: { name: batchId.toLowerCase() },
        spec: { batchId },
      },
    ]);
    const configMaps = [
      { apiVersion: "v1", kind: "ConfigMap", metadata: map, data: { "manifest.csv": csv } },
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { ...map, name: "reel-p011" },
        data: { "manifest.csv": "no manifest at all" },
      },
    ];
    const stdin = JSON.stringify({ apiVersion: "v1", kind: "List", items: [...objects, ...configMaps] });
    const planned = await cli("plan -f -", { stdin });
    expect(planned.stdout, planned.stderr).toMatch(
      /^acme\/p010 +P010 +wait +2 +aws-eu 2 +ReadingManifest: the operator reads it when the Reel is there$/m,
    );
    expect(planned.stdout).toMatch(/^acme\/p011 +P011 +refuse +\? +- +NotAManifest: /m);
    expect(planned.stdout).toMatch(
      /^acme\/p012 +P012 +wait +\? +aws-eu \? +ReadingManifest: its devices cannot be counted from here: .*folder of the operator's.*Apply the Reel and plan again/m,
    );
    expect(planned.code).toBe(5);
    expect(await field.reels.find({ name: "p010" })).toBeUndefined();
  });

  it("complete commands, options, and names of the cluster", async () => {
    const completed = async (...words: string[]): Promise<string[]> => {
      const env = { KUBECONFIG: field.plane.kubeconfig };
      const { stdout } = await certferry(["__complete", "--", ...words], { main, env });
      return stdout.split("\n").filter((line) => line !== "");
    };
    expect(await completed("st")).toEqual(["status"]);
    expect(await completed("bind", "--cl")).toEqual(["--cloud"]);
    expect(await completed("bind", "-n", ACCOUNT, "-c", "a")).toEqual(["aws-eu", "azure-hub"]);
    expect(await completed("status", "-n", ACCOUNT, "d00")).toEqual(["d001", "d002"]);
  });
});

describe("rights", () => {
  it("are the person's own: what is missing is named, with the role that has it", async () => {
    const seen = await cli("status --as the-viewer -o name");
    expect(seen.stdout).toContain("devicebatch.certferry.dev/d001");
    const refused = await cli("bind R001 --as the-viewer");
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(
      /^error: you \(the-viewer\) may not create devicebatches\.certferry\.dev in namespace acme\n +The role certferry-binder has this right/,
    );
    const bound = await cli("bind R001 --as the-binder");
    expect(bound.code, bound.stderr).toBe(0);
    const chosen = await cli("bind R002 --cloud aws-eu --as the-binder");
    expect(chosen.code).toBe(3);
    expect(chosen.stderr).toMatch(
      /^error: you may not choose CloudApi aws-eu in namespace acme: ask for the verb use/,
    );
    const records = await cli("devices d001 --as the-binder");
    expect(records.code).toBe(3);
    expect(records.stderr).toMatch(
      /may not get reelbindings\.certferry\.dev in the whole cluster\n.*certferry-admin/,
    );
    const device = await field.issuer.issueDevice({ batchId: "R009" });
    await writeFile(join(folder, "R009.csv"), manifestCsv([device], { batchId: "R009" }));
    const beyond: [string, string][] = [
      ["keys show", "get configmaps in namespace acme"],
      ["keys rotate", "get configmaps in namespace acme"],
      ["keys init", "get configmaps in namespace acme"],
      ["manifest d001", "get reelbindings.certferry.dev in the whole cluster"],
      ["reel add R009.csv --batch R009", "create reels.certferry.dev in the whole cluster"],
    ];
    const refusals = await Promise.all(beyond.map(async ([args]) => await cli(`${args} --as the-viewer`)));
    for (const [at, { code, stderr }] of refusals.entries()) {
      const [args, right] = beyond[at] ?? [];
      expect([args, code, stderr.split("\n").find((line) => line.startsWith("error: "))]).toEqual([
        args,
        3,
        `error: you (the-viewer) may not ${right ?? ""}`,
      ]);
      expect(stderr).toMatch(/kubectl create (?:cluster)?role/);
    }
    const { stdout, code } = await cli("doctor --as the-viewer -o json");
    const { findings } = JSON.parse(stdout) as {
      findings: { check: string; state: string; message: string }[];
    };
    expect([0, 6]).toContain(code);
    expect(findings.find(({ check }) => check === "operator")).toMatchObject({
      state: "unknown",
      message: expect.stringContaining(
        "may not get leases.coordination.k8s.io in namespace certferry-system",
      ),
    });
  });
});

describe("a cluster", () => {
  it("that cannot be reached, or is not named, is told apart", async () => {
    const away = join(folder, "away");
    const text = await readFile(field.plane.kubeconfig, "utf8");
    await writeFile(away, text.replace(/server: .*/, "server: https://127.0.0.1:1"));
    expect((await cli(`status --kubeconfig ${away}`)).code).toBe(7);
    const none = await cli("status", { env: { KUBECONFIG: "" } });
    expect(none.code).toBe(2);
    expect(none.stderr).toMatch(/^error: there is no kubeconfig/);
    const context = await cli("status --context elsewhere");
    expect(context.code).toBe(2);
    expect(context.stderr).toMatch(/there is no context "elsewhere"/);
  });
});
