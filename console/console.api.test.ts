import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kinds } from "../crds/kinds.ts";
import { apply, eventually } from "../test/harness/index.ts";
import { Site, deedsReader, mayGetBatches } from "./testing/site.ts";
import type { BatchDetail, BatchPage, Provisioning } from "./views/wire.ts";

let site: Site;

beforeAll(async () => {
  site = await Site.open();
  await site.field.operator();
});

afterAll(async () => await site?.close());

const bindOf = (batchId: string, more: object = {}): object => ({
  batchId,
  from: "Desktop",
  request: randomUUID(),
  ...more,
});

const SERVICE_ACCOUNT = {
  group: "",
  version: "v1",
  plural: "serviceaccounts",
  kind: "ServiceAccount",
  namespaced: true,
};

/** Makes a service account, and a token of it. */
async function tokenOf(name: string): Promise<string> {
  const { client } = site.field;
  await client.resource(SERVICE_ACCOUNT).create({
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name, namespace: "acme" },
  });
  const { status } = (await client.request({
    method: "POST",
    path: `/api/v1/namespaces/acme/serviceaccounts/${name}/token`,
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
  })) as { status: { token: string } };
  return status.token;
}

describe("signing in", () => {
  it("takes a token of the cluster, and knows whose it is", async () => {
    const token = await tokenOf("robot");
    const visitor = site.visitor();
    expect((await visitor.post("/api/sign-in/token", { token })).status).toBe(200);
    const me = await visitor.get("/api/me");
    expect(me.json).toEqual({ name: "system:serviceaccount:acme:robot", accounts: [] });
    expect((await visitor.get("/api/accounts/acme/batches")).status).toBe(403);
    for (const value of visitor.cookies.values()) expect(value).not.toContain(token.slice(0, 20));
  });

  it("refuses a token that the cluster does not accept, and does not repeat it", async () => {
    const answer = await site.visitor().post("/api/sign-in/token", { token: "not-a-token-of-yours" });
    expect(answer).toMatchObject({ status: 401, json: { code: "TokenRefused" } });
    expect(answer.text).not.toContain("not-a-token-of-yours");
  });

  it("ends with the token: when the cluster does not take it any more, nobody is signed in", async () => {
    const visitor = site.visitor();
    const token = await tokenOf("short-lived");
    expect((await visitor.post("/api/sign-in/token", { token })).status).toBe(200);
    await site.field.client.resource(SERVICE_ACCOUNT).delete({ namespace: "acme", name: "short-lived" });
    await eventually(async () => (await visitor.get("/api/accounts/acme/batches/any")).status === 401);
    expect((await visitor.get("/api/me")).status).toBe(401);
  });

  it("ends with signing out, for whoever has kept the cookie, too", async () => {
    const ada = await site.as("ada");
    const cookies = new Map(ada.cookies);
    expect((await ada.post("/api/sign-out", {})).status).toBe(200);
    for (const [name, value] of cookies) ada.cookies.set(name, value);
    expect((await ada.get("/api/me")).status).toBe(401);
  });
});

describe("whose accounts", () => {
  it("are shown: those in which a person may see or bind, and no others", async () => {
    expect((await (await site.as("ada")).get("/api/me")).json).toEqual({ name: "ada", accounts: ["acme"] });
    expect((await (await site.as("gina")).get("/api/me")).json).toEqual({
      name: "gina",
      accounts: ["globex"],
    });
    expect((await (await site.as("nobody")).get("/api/me")).json).toEqual({ name: "nobody", accounts: [] });
  });

  it("are closed to others, at every address", async () => {
    await site.field.batch("globex", "theirs", { batchId: "THEIRS-1" });
    for (const visitor of [await site.as("ada"), await site.as("finn"), await site.as("nobody")]) {
      const at = "/api/accounts/globex";
      const answers = [
        await visitor.get(`${at}/batches`),
        await visitor.get(`${at}/batches/theirs`),
        await visitor.get(`${at}/batches/theirs/timeline`),
        await visitor.get(`${at}/batches/theirs`, { accept: "text/event-stream" }),
        await visitor.get(`${at}/clouds`),
        await visitor.get(`${at}/provisioning`),
        await visitor.post(`${at}/batches`, bindOf("D001")),
        await visitor.post(`${at}/batches/theirs/provision`, {}),
        await visitor.post(`${at}/batches/theirs/clouds`, { add: ["x"] }),
        await visitor.post(`${at}/batches/theirs/delete`, { confirm: "theirs", deletionPolicy: "Retain" }),
        await visitor.post(`${at}/clouds/automatic`, { cloudApi: null }),
      ];
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 403));
      for (const { text } of answers) expect(text).not.toContain("THEIRS-1");
    }
    expect(await site.field.batches.find({ namespace: "globex", name: "theirs" })).toBeDefined();
  });
});

describe("a batch", () => {
  it("that a factory user binds goes to the account's default, and everybody who looks sees it move", async () => {
    const cloud = await site.field.cloud("acme");
    await site.field.awsApi("acme", "aws-eu", cloud, { default: true });
    await site.field.awsApi("acme", "aws-us", cloud, { region: "us-east-1" });
    await site.field.ship("D001", 3);
    const finn = await site.as("finn");
    const stop = new AbortController();
    const told: BatchPage[] = [];
    const listening = (async () => {
      for await (const { event, data } of (await site.as("vera")).events(
        "/api/accounts/acme/batches",
        stop.signal,
      )) {
        if (event === "data") told.push(data as BatchPage);
      }
    })().catch(() => undefined);
    await eventually(() => told.length > 0);
    const bound = await finn.post("/api/accounts/acme/batches", bindOf("D001", { from: "Phone" }));
    expect(bound).toMatchObject({ status: 201, json: { name: "d001", repeated: false } });
    await eventually(() => told.at(-1)?.rows[0]?.state === "Provisioned", { what: "the page is told" });
    stop.abort();
    await listening;
    expect(told.at(-1)).toMatchObject({
      total: 1,
      rows: [
        {
          name: "d001",
          batchId: "D001",
          bound: 3,
          provisioned: 3,
          addedBy: "finn",
          addedFrom: "Phone",
          clouds: [{ name: "aws-eu", state: "Provisioned" }],
        },
      ],
      counters: { batches: 1, bound: 3, provisioned: 3, failed: 0 },
    });
    expect(cloud.registry.list()).toHaveLength(3);
  });

  it("is bound once, also when the same request comes twice; another request is told", async () => {
    await site.field.ship("D002", 2);
    const finn = await site.as("finn");
    const request = bindOf("d002");
    const [one, two] = await Promise.all([
      finn.post("/api/accounts/acme/batches", request),
      finn.post("/api/accounts/acme/batches", request),
    ]);
    expect(new Set([one.status, two.status])).toEqual(new Set([200, 201]));
    expect(await finn.post("/api/accounts/acme/batches", bindOf("D002"))).toMatchObject({
      status: 409,
      json: { code: "AlreadyAdded" },
    });
  });

  it("of a reel that another account has says so, and not whose it is", async () => {
    await site.field.ship("D003", 2);
    await site.field.batch("globex", "d003", { batchId: "D003", provisioning: "Manual" });
    await site.field.awaitBatch("globex", "d003", { type: "Bound", status: "True" });
    const finn = await site.as("finn");
    await finn.post("/api/accounts/acme/batches", bindOf("D003"));
    const answer = await eventually(async () => {
      const { json, text } = await finn.get("/api/accounts/acme/batches/d003");
      return json["reason"] === "AlreadyBound" ? { json, text } : undefined;
    });
    expect(answer.json["state"]).toBe("Attention");
    expect(answer.text).not.toContain("globex");
  });

  it("has no cloud chosen by a binder, and one by an administrator", async () => {
    await site.field.ship("D004", 2);
    const finn = await site.as("finn");
    const refused = await finn.post("/api/accounts/acme/batches", bindOf("D004", { clouds: ["aws-us"] }));
    expect(refused).toMatchObject({ status: 403 });
    expect(refused.json["detail"]).toContain("you may not choose CloudApi aws-us");
    const ada = await site.as("ada");
    expect(
      (await ada.post("/api/accounts/acme/batches", bindOf("D004", { clouds: ["aws-us"] }))).status,
    ).toBe(201);
    await site.field.awaitReady("acme", "d004");
    const { clouds } = (await ada.get("/api/accounts/acme/batches/d004")).json as unknown as BatchDetail;
    expect(clouds.map(({ name }) => name)).toEqual(["aws-us"]);
  });

  it("keeps the default cloud that it went to when a second one is added, and is provisioned again", async () => {
    const ada = await site.as("ada");
    const at = "/api/accounts/acme/batches/d001";
    expect((await ada.post(`${at}/clouds`, { add: ["aws-us"] })).status).toBe(200);
    await eventually(async () => {
      const { clouds } = (await ada.get(at)).json as unknown as BatchDetail;
      return clouds.filter(({ state }) => state === "Provisioned").length === 2;
    });
    expect((await ada.post(`${at}/provision`, {})).status).toBe(200);
    const again = await site.field.batches.get({ namespace: "acme", name: "d001" });
    expect(again.metadata.annotations?.["certferry.dev/provision-requested-at"]).toMatch(/^\d{4}-/u);
    const finn = await site.as("finn");
    expect((await finn.post(`${at}/provision`, {})).status).toBe(403);
  });

  it("has a page with its reel, its declaration without the cluster's own parts, and its time line", async () => {
    const ada = await site.as("ada");
    const detail = (await ada.get("/api/accounts/acme/batches/d001")).json as unknown as BatchDetail;
    expect(detail.reel).toMatchObject({ devices: 3, quarantined: 0 });
    expect(detail.reel?.issuers).toHaveLength(1);
    expect(detail.yaml).toContain("batchId: D001");
    expect(detail.yaml).not.toMatch(/resourceVersion|status:|managedFields/u);
    // While devices are being provisioned once more, nobody has arrived.
    await eventually(async () => {
      const timeline = await ada.get("/api/accounts/acme/batches/d001/timeline");
      const { entries, events } = timeline.json as { entries: { reason: string }[]; events: boolean };
      expect(events).toBe(true);
      expect(entries.map(({ reason }) => reason)).toEqual(
        expect.arrayContaining(["Added", "Bound", "Arrived"]),
      );
      return true;
    });
    for (const person of ["vera", "finn"] as const) {
      const theirs = await (await site.as(person)).get("/api/accounts/acme/batches/d001/timeline");
      expect(theirs.json["events"], person).toBe(true);
    }
    // Of who may not read Events, with a role of their own, the batch's own dates are shown.
    await apply(site.field.client, mayGetBatches("nobody"));
    const nobody = await site.as("nobody");
    const dates = await eventually(async () => {
      const answer = await nobody.get("/api/accounts/acme/batches/d001/timeline");
      return answer.status === 200 ? answer.json : undefined;
    });
    expect(dates["events"]).toBe(false);
    expect((dates["entries"] as { reason: string }[]).map(({ reason }) => reason)).toContain("Added");
  });

  it("has a manifest for who may read its deed, as CSV and packed, and for nobody else", async () => {
    const ada = await site.as("ada");
    const at = "/api/accounts/acme/batches/d001/manifest";
    expect((await ada.get(at)).status).toBe(403);
    await apply(site.field.client, deedsReader("ada"));
    const csv = await eventually(async () => {
      const answer = await ada.get(at);
      return answer.status === 200 ? answer : undefined;
    });
    expect(csv.text.split("-----BEGIN CERTIFICATE-----")).toHaveLength(4);
    expect(csv.text).toMatch(/^device_id,group_id,certificate\n[^,]+,D001,"/u);
    const packed = await ada.get(`${at}?format=7z`);
    expect(packed.headers.get("content-disposition")).toBe('attachment; filename="D001.7z"');
    expect(packed.text.slice(0, 2)).toBe("7z");
    expect((await (await site.as("finn")).get(at)).status).toBe(403);
    // Who asks for the headers alone reads no file to its end, and must not hold the place of one.
    for (let n = 0; n < 3; n += 1)
      expect((await ada.send(at, { method: "HEAD" })).status, `time ${n}`).toBe(405);
    expect((await ada.get(at)).status).toBe(200);
  });

  it("goes when its name was typed", async () => {
    const ada = await site.as("ada");
    const at = "/api/accounts/acme/batches/d004/delete";
    expect((await ada.post(at, { confirm: "D004", deletionPolicy: "Retain" })).status).toBe(422);
    expect((await ada.post(at, { confirm: "d004", deletionPolicy: "Retain" })).status).toBe(200);
    await eventually(
      async () => (await site.field.batches.find({ namespace: "acme", name: "d004" })) === undefined,
    );
  });
});

describe("clouds", () => {
  const form = (name: string, more: object = {}) => ({
    name,
    displayName: "Our own",
    type: "Other",
    other: { url: "https://127.0.0.1:1/interop", cloud: "Private" },
    credentials: { username: "certferry", password: "let me in" },
    ...more,
  });

  it("are held against the schema before anything is written, field by field", async () => {
    const ada = await site.as("ada");
    const aws = { accountId: "12", apiGatewayId: "x", region: "eu-west-1", stage: "Prod" };
    const answer = await ada.post("/api/accounts/acme/clouds/check", {
      form: { name: "new", type: "AWS", aws },
      existing: false,
    });
    expect(answer).toMatchObject({ status: 422, json: { code: "Invalid" } });
    expect(answer.json["fields"]).toMatchObject({
      "spec.aws.accountId": expect.stringContaining("12 digits") as string,
    });
    expect(await site.field.cloudApis.find({ namespace: "acme", name: "new" })).toBeUndefined();
  });

  it("are tried by the operator before they are saved, and nothing of that stays", async () => {
    const basic = { username: "certferry", password: "let me in" };
    const cloud = await site.field.cloud("acme", { basic });
    const ada = await site.as("ada");
    const good = form("own", { other: { url: cloud.url, cloud: "Private" }, caBundle: cloud.caPem });
    const probe = "/api/accounts/acme/clouds/probe";
    expect((await ada.post(probe, good)).json).toMatchObject({ ok: true, reason: "Connected" });
    const wrong = { ...good, credentials: { username: "certferry", password: "wrong" } };
    expect((await ada.post(probe, wrong)).json).toMatchObject({ ok: false, reason: "Unauthorized" });
    expect((await ada.post(probe, form("gone"))).json).toMatchObject({
      ok: false,
      reason: "ConnectionRefused",
    });
    await eventually(async () => {
      const { items } = await site.field.cloudApis.list({ namespace: "acme" });
      return items.every(({ metadata }) => !metadata.name.startsWith("draft-"));
    });
    const { items } = await site.field.secrets.list({ namespace: "acme" });
    expect(items.map(({ metadata }) => metadata.name)).not.toContainEqual(expect.stringMatching(/^draft-/u));
    const shown = await ada.get("/api/accounts/acme/clouds");
    expect(shown.text).not.toContain("draft-");
  });

  it("are created with credentials that nobody is shown, changed without them, and removed", async () => {
    const ada = await site.as("ada");
    const at = "/api/accounts/acme/clouds";
    expect(await ada.post(at, form("own-registry"))).toMatchObject({ status: 201 });
    const secret = await site.field.secrets.get({ namespace: "acme", name: "own-registry-credentials" });
    expect(Buffer.from(secret.data?.["password"] ?? "", "base64").toString()).toBe("let me in");
    expect((await ada.get(at)).text).not.toContain("let me in");
    const { credentials: _kept, ...edited } = form("own-registry", { displayName: "Registry 2" });
    expect((await ada.send(`${at}/own-registry`, { method: "PUT", body: edited })).status).toBe(200);
    const api = await site.field.cloudApis.get({ namespace: "acme", name: "own-registry" });
    expect(api.spec.displayName).toBe("Registry 2");
    const elsewhere = {
      ...edited,
      other: { url: "https://elsewhere.example.com/interop", cloud: "Private" },
    };
    const moved = await ada.send(`${at}/own-registry`, { method: "PUT", body: elsewhere });
    expect(moved).toMatchObject({ status: 422 });
    expect(moved.json["fields"]).toMatchObject({
      "spec.other.url": expect.stringContaining("cannot be changed") as string,
    });
    expect((await ada.post(`${at}/own-registry/delete`, { confirm: "own-registry" })).status).toBe(200);
  });

  it("take over no Secret that is there: it stays as it is, and whose it was", async () => {
    const ada = await site.as("ada");
    const at = { namespace: "acme", name: "mail-credentials" };
    const theirs = Buffer.from("of the mail server").toString("base64");
    await site.field.secrets.create({
      apiVersion: "v1",
      kind: "Secret",
      metadata: at,
      type: "Opaque",
      data: { password: theirs },
    });
    const answer = await ada.post("/api/accounts/acme/clouds", form("mail"));
    expect(answer).toMatchObject({ status: 409, json: { code: "SecretExists" } });
    expect(answer.json["fields"]).toHaveProperty("name");
    const { data, metadata } = await site.field.secrets.get(at);
    expect(data).toEqual({ password: theirs });
    expect(metadata.ownerReferences).toBeUndefined();
    expect(await site.field.cloudApis.find({ namespace: "acme", name: "mail" })).toBeUndefined();
  });

  it("have one default at most, by the switch; with it off, what is bound stays unprovisioned", async () => {
    const ada = await site.as("ada");
    const page = async () =>
      (await ada.get("/api/accounts/acme/provisioning")).json as unknown as Provisioning;
    expect((await page()).automatic).toBe("aws-eu");
    await ada.post("/api/accounts/acme/clouds/automatic", { cloudApi: "aws-us" });
    await eventually(async () => (await page()).automatic === "aws-us");
    await ada.post("/api/accounts/acme/clouds/automatic", { cloudApi: null });
    await eventually(async () => (await page()).automatic === undefined);
    await site.field.ship("D005", 2);
    await ada.post("/api/accounts/acme/batches", bindOf("D005"));
    const batch = await site.field.awaitBatch("acme", "d005", { type: "Ready", status: "True" });
    expect(batch.spec.provisioning).toBe("Manual");
    expect(batch.status).toMatchObject({ boundDevices: 2 });
    expect(
      (await (await site.as("finn")).post("/api/accounts/acme/clouds/automatic", { cloudApi: "aws-eu" }))
        .status,
    ).toBe(403);
  });
});

it("a right that was taken away is gone from a page that is open", async () => {
  const name = "vera-certferry-viewer";
  const bindings = {
    group: "rbac.authorization.k8s.io",
    version: "v1",
    plural: "rolebindings",
    kind: "RoleBinding",
    namespaced: true,
  };
  const vera = await site.as("vera");
  expect((await vera.get("/api/accounts/acme/batches")).status).toBe(200);
  const stream = vera.events("/api/accounts/acme/batches", AbortSignal.timeout(40_000));
  expect((await stream.next()).value).toMatchObject({ event: "data" });
  await site.field.client.resource(bindings).delete({ namespace: "acme", name });
  let last: unknown;
  for await (const { data, event } of stream) if (event === "problem") last = data;
  expect(last).toMatchObject({ status: 403 });
  expect((await vera.get("/api/accounts/acme/batches")).status).toBe(403);
  expect(kinds.DeviceBatch.plural).toBe("devicebatches");
});
