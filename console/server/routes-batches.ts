import { Hono } from "hono";
import { z } from "zod";
import type { DeviceBatch } from "../../crds/index.ts";
import { kinds } from "../../crds/kinds.ts";
import { checkNow } from "../../desk/activity.ts";
import { provisionNow } from "../../desk/new-batch.ts";
import type { Clock } from "../../operator/runtime/clock.ts";
import { bind, bindRequest } from "../actions/bind.ts";
import { ask, changeClouds, cloudsRequest, removalRequest, removeBatch } from "../actions/change-batch.ts";
import { makeManifest } from "../actions/manifest.ts";
import type { ManifestOptions } from "../actions/manifest.ts";
import { batchDetail, reelOf } from "../views/batch-detail.ts";
import { batchPage, batchQuery } from "../views/batch-list.ts";
import { live, wantsLive } from "../views/live.ts";
import { timelineOf } from "../views/timeline.ts";
import { accountOf, bodyOf, deadline, placeOf, queryOf } from "./context.ts";
import type { Ctx, Env } from "./context.ts";
import { Problem } from "./problem.ts";
import { sendFile } from "./send-file.ts";

const manifestQuery = z.object({ format: z.enum(["csv", "7z"]).default("csv") });
const MANIFEST_MS = 10 * 60_000;

/** Batches of an account: looked at, bound, changed. */
export function batchRoutes(clock: Clock, manifests: ManifestOptions): Hono<Env> {
  const app = new Hono<Env>();
  app.get("/", async (c) => {
    const query = queryOf(c, batchQuery);
    const { ended, views } = c.get("session");
    const scope = { kind: kinds.DeviceBatch, account: accountOf(c) };
    const view = await views.open<DeviceBatch>(scope, deadline(c));
    const read = () => batchPage(view.list(), query);
    if (wantsLive(c)) return live(c, { views: [view], read, ended });
    view.release();
    return c.json(read());
  });
  app.post("/", async (c) => {
    const request = await bodyOf(c, bindRequest);
    const bound = await bind(c.get("session"), accountOf(c), request, deadline(c));
    return c.json(bound, bound.repeated ? 200 : 201);
  });
  app.get("/:name", async (c) => {
    if (wantsLive(c)) return await liveDetail(c);
    const { client } = c.get("session");
    const batch = await client.resource<DeviceBatch>(kinds.DeviceBatch).get(placeOf(c), deadline(c));
    return c.json(batchDetail(batch, await reelOf(client, batch, deadline(c))));
  });
  app.get("/:name/timeline", async (c) => {
    const { client } = c.get("session");
    const batch = await client.resource<DeviceBatch>(kinds.DeviceBatch).get(placeOf(c), deadline(c));
    return c.json(await timelineOf(client, batch, deadline(c)));
  });
  app.get("/:name/manifest", async (c) => {
    const { format } = queryOf(c, manifestQuery);
    const { client, ended } = c.get("session");
    const signal = AbortSignal.any([c.req.raw.signal, ended, AbortSignal.timeout(MANIFEST_MS)]);
    const file = await makeManifest(client, placeOf(c), format, manifests, signal);
    return sendFile(c, file, { clock, signal });
  });
  app.post("/:name/clouds", async (c) => {
    const request = await bodyOf(c, cloudsRequest);
    await changeClouds(c.get("session").client, placeOf(c), request, deadline(c));
    return c.json({});
  });
  app.post("/:name/provision", async (c) => {
    await ask(c.get("session").client, placeOf(c), provisionNow(new Date(clock.now())), deadline(c));
    return c.json({});
  });
  app.post("/:name/check", async (c) => {
    await ask(c.get("session").client, placeOf(c), checkNow(new Date(clock.now())), deadline(c));
    return c.json({});
  });
  app.post("/:name/delete", async (c) => {
    const request = await bodyOf(c, removalRequest);
    await removeBatch(c.get("session").client, placeOf(c), request, deadline(c));
    return c.json({});
  });
  return app;
}

async function liveDetail(c: Ctx): Promise<Response> {
  const { client, ended, views } = c.get("session");
  const { name, namespace } = placeOf(c);
  const scope = { kind: kinds.DeviceBatch, account: namespace, name };
  const view = await views.open<DeviceBatch>(scope, deadline(c));
  const read = async () => {
    const batch = view.list().find(({ metadata }) => metadata.name === name);
    if (batch === undefined) throw new Problem(404, "NotFound", `There is no batch ${name} any more.`);
    return batchDetail(batch, await reelOf(client, batch, AbortSignal.timeout(10_000)));
  };
  return live(c, { views: [view], read, ended });
}
