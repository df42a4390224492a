import { Hono } from "hono";
import { z } from "zod";
import type { CloudApi, DeviceBatch } from "../../crds/index.ts";
import { kinds } from "../../crds/kinds.ts";
import type { Logger } from "../../operator/runtime/logger.ts";
import { cloudForm } from "../actions/cloud-form.ts";
import {
  automaticRequest,
  checkCloud,
  cloudRemovalRequest,
  createCloud,
  removeCloud,
  setAutomatic,
  suspendCloud,
  suspendRequest,
  updateCloud,
} from "../actions/clouds.ts";
import { probe } from "../actions/probe.ts";
import { cloudRow, isDraft } from "../views/cloud-row.ts";
import { live, wantsLive } from "../views/live.ts";
import { provisioning } from "../views/provisioning.ts";
import { accountOf, bodyOf, deadline, placeOf } from "./context.ts";
import type { Env } from "./context.ts";

const checkRequest = z.strictObject({ form: cloudForm, existing: z.boolean() });

/** Links to product clouds, and the account's switch. */
export function cloudRoutes(log: Logger): Hono<Env> {
  const app = new Hono<Env>();
  app.get("/", async (c) => {
    const account = accountOf(c);
    const { client } = c.get("session");
    const { items } = await client
      .resource<CloudApi>(kinds.CloudApi)
      .list({ namespace: account }, deadline(c));
    return c.json(items.filter((api) => !isDraft(api)).map(cloudRow));
  });
  app.post("/", async (c) => {
    const form = await bodyOf(c, cloudForm);
    await createCloud(c.get("session").client, accountOf(c), form, deadline(c));
    return c.json({}, 201);
  });
  app.post("/check", async (c) => {
    const { form, existing } = await bodyOf(c, checkRequest);
    await checkCloud(c.get("session").client, accountOf(c), form, existing, deadline(c));
    return c.json({});
  });
  app.post("/probe", async (c) => {
    const form = await bodyOf(c, cloudForm);
    const { client } = c.get("session");
    return c.json(await probe(client, accountOf(c), form, { log, signal: deadline(c) }));
  });
  app.post("/automatic", async (c) => {
    const { cloudApi } = await bodyOf(c, automaticRequest);
    await setAutomatic(c.get("session").client, accountOf(c), cloudApi, deadline(c));
    return c.json({});
  });
  app.put("/:name", async (c) => {
    const { name, namespace } = placeOf(c);
    const form = await bodyOf(c, cloudForm);
    await updateCloud(c.get("session").client, namespace, { ...form, name }, deadline(c));
    return c.json({});
  });
  app.post("/:name/suspend", async (c) => {
    const { suspend } = await bodyOf(c, suspendRequest);
    await suspendCloud(c.get("session").client, placeOf(c), suspend, deadline(c));
    return c.json({});
  });
  app.post("/:name/delete", async (c) => {
    const { confirm } = await bodyOf(c, cloudRemovalRequest);
    await removeCloud(c.get("session").client, placeOf(c), confirm, deadline(c));
    return c.json({});
  });
  return app;
}

/** What the page Provisioning shows: clouds, the switch, and totals. */
export function provisioningRoutes(): Hono<Env> {
  const app = new Hono<Env>();
  app.get("/", async (c) => {
    const account = accountOf(c);
    const { ended, views } = c.get("session");
    const clouds = await views.open<CloudApi>({ kind: kinds.CloudApi, account }, deadline(c));
    const batches = await views
      .open<DeviceBatch>({ kind: kinds.DeviceBatch, account }, deadline(c))
      .catch((error: unknown) => {
        clouds.release();
        throw error;
      });
    const read = () => provisioning(clouds.list(), batches.list());
    if (wantsLive(c)) return live(c, { views: [clouds, batches], read, ended });
    clouds.release();
    batches.release();
    return c.json(read());
  });
  return app;
}
