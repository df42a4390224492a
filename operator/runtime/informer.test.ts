import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { eventually } from "../../tools/cluster/eventually.ts";
import { Backoff } from "./backoff.ts";
import { KubeClient } from "./client.ts";
import { ManualClock } from "./clock.ts";
import { Informer } from "./informer.ts";
import type { Change, InformerOptions } from "./informer.ts";
import type { KubeObject, ResourceKind } from "./objects.ts";
import { ListWatchServer } from "./testing/list-watch-server.ts";
import { recordingLogger } from "./testing/log.ts";
import { answer, brokenConnection, silence, status } from "./testing/scripted-server.ts";

const CONFIG_MAP: ResourceKind = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};

let server: ListWatchServer;
const endings: (() => Promise<void>)[] = [];

/** Words for a change: type, name, version, and those of the previous object. */
function told({ type, object, previous }: Change<KubeObject>): string {
  const { name, resourceVersion } = object.metadata;
  const from = previous === undefined ? "" : ` from ${previous.metadata.resourceVersion}`;
  return `${type} ${name} ${resourceVersion}${from}`;
}

function inform(o: Partial<InformerOptions<KubeObject>> & { requestTimeoutMs?: number } = {}) {
  const { requestTimeoutMs = 30_000, ...rest } = o;
  const client = new KubeClient(server.http.config(), { requestTimeoutMs });
  const { log, lines } = recordingLogger();
  const informer = new Informer({
    client: client.resource<KubeObject>(CONFIG_MAP),
    backoff: new Backoff({ baseMs: 5, maxMs: 20 }),
    log,
    ...rest,
  });
  const changes: string[] = [];
  informer.onChange((change) => changes.push(told(change)));
  const stop = new AbortController();
  const end = async (): Promise<void> => {
    stop.abort(new Error("the test is over"));
    await informer.stopped();
    await client.close();
  };
  endings.push(end);
  return { informer, changes, lines, stop, end };
}

async function start(o: Parameters<typeof inform>[0] = {}) {
  const t = inform(o);
  t.informer.start(t.stop.signal);
  await t.informer.waitForSync(t.stop.signal);
  return t;
}

async function settled(what: string, condition: () => boolean): Promise<void> {
  await eventually(condition, { what, interval: 5, deadline: 30_000 });
}

/** The versions of the objects in the cache and on the server, to be compared. */
function versions(objects: Iterable<KubeObject>): string[] {
  return [...objects]
    .map(({ metadata }) => `${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`)
    .sort();
}

beforeEach(async () => {
  server = await ListWatchServer.start();
});

afterEach(async () => {
  await Promise.all(endings.splice(0).map((end) => end()));
  await server.close();
});

describe("list and watch", () => {
  it("tells what is there, then what changes, from the list's version on and with bookmarks", async () => {
    server.put("x");
    const { informer, changes } = await start({ labelSelector: "k=v", namespace: "a" });
    expect(informer.synced).toBe(true);
    await settled("watching", () => server.open === 1);
    server.put("y");
    server.put("x");
    server.delete("y");
    await settled("told", () => changes.length === 4);
    expect(changes).toEqual([
      "added x 101",
      "added y 102",
      "updated x 103 from 101",
      "deleted y 104 from 102",
    ]);
    expect(informer.get("a/x")?.metadata.resourceVersion).toBe("103");
    expect(informer.list()).toHaveLength(1);
    const query = server.watches[0]?.query;
    expect(query?.get("allowWatchBookmarks")).toBe("true");
    expect(query?.get("resourceVersion")).toBe("101");
    expect(query?.get("labelSelector")).toBe("k=v");
    expect(Number(query?.get("timeoutSeconds"))).toBeGreaterThanOrEqual(300);
    expect(Number(query?.get("timeoutSeconds"))).toBeLessThanOrEqual(600);
    expect(server.watches[0]?.path).toBe("/api/v1/namespaces/a/configmaps");
  });

  it("goes on from the last bookmark when the server ends the watch", async () => {
    const { informer } = await start();
    await settled("watching", () => server.open === 1);
    server.version = 500;
    server.bookmark();
    server.endWatches();
    await settled("watching again", () => server.watches.length === 2);
    expect(server.watches[1]?.query.get("resourceVersion")).toBe("500");
    expect(server.lists).toHaveLength(1);
    expect(informer.staleForMs()).toBeLessThan(10_000);
  });

  it("finds objects by indexes, and keeps only what the transform leaves", async () => {
    server.put("x", { team: "one", secret: "no" });
    server.put("y", { team: "one" });
    const { informer } = await start({
      transform: (object) => {
        const { secret: _, ...labels } = object.metadata.labels ?? {};
        return { ...object, metadata: { ...object.metadata, labels } };
      },
      indexes: { team: (object) => [object.metadata.labels?.["team"] ?? "none"] },
    });
    const names = (team: string) => informer.byIndex("team", team).map(({ metadata }) => metadata.name);
    expect(names("one")).toEqual(["x", "y"]);
    expect(informer.get("a/x")?.metadata.labels).toEqual({ team: "one" });
    server.put("x", { team: "two" });
    server.delete("y");
    await settled("moved", () => names("two").length === 1 && names("one").length === 0);
    expect(() => informer.byIndex("nothing", "one")).toThrow("there is no index nothing");
  });

  it("is not stopped by an object on which an index or the transform throws", async () => {
    server.put("odd");
    server.put("x", { team: "one" });
    const labelled = ({ metadata }: KubeObject): string => {
      const team = metadata.labels?.["team"];
      if (team === undefined) throw new Error("no team");
      return team;
    };
    const { informer, changes, lines } = await start({
      indexes: { team: (object) => [labelled(object)] },
      transform: (object) => ({ ...object, kind: labelled(object) }),
    });
    expect(changes).toEqual(["added odd 101", "added x 102"]);
    expect(informer.get("a/odd")?.kind).toBe("ConfigMap");
    expect(informer.byIndex("team", "one").map(({ kind }) => kind)).toEqual(["one"]);
    expect(lines.filter(({ level }) => level === "error").map((line) => line["key"])).toEqual([
      "a/odd",
      "a/odd",
    ]);
    server.delete("odd");
    await settled("deleted", () => changes.length === 3);
  });

  it("ends when it is told to, calls no handler any more, and leaves no connection", async () => {
    const { changes, end } = await start();
    await settled("watching", () => server.open === 1);
    await end();
    await settled("closed", () => server.open === 0);
    server.put("x");
    expect(changes).toEqual([]);
  });

  it("does not come in sync once it is stopped", async () => {
    server.http.otherwise = silence;
    const t = inform();
    t.informer.start(t.stop.signal);
    const waiting = t.informer.waitForSync(t.stop.signal);
    t.stop.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow("stopped");
    expect(t.informer.synced).toBe(false);
  });
});

describe("handlers", () => {
  it("that throw or reject are logged, and the others are called", async () => {
    const t = inform();
    t.informer.onChange(() => {
      throw new Error("sync fault");
    });
    // oxlint-disable-next-line typescript/no-misused-promises -- what happens to such a handler is tested
    t.informer.onChange(() => Promise.reject(new Error("async fault")));
    const seen: string[] = [];
    t.informer.onChange((change) => seen.push(told(change)));
    server.put("x");
    t.informer.start(t.stop.signal);
    await t.informer.waitForSync(t.stop.signal);
    expect(seen).toEqual(["added x 101"]);
    const faults = () => t.lines.filter(({ msg }) => msg === "a handler of changes threw");
    await settled("logged", () => faults().length === 2);
    expect(faults()[0]).toMatchObject({ level: "error", key: "a/x", err: { message: "sync fault" } });
  });

  it("that come late are told what is there", async () => {
    server.put("x");
    const { informer } = await start();
    const seen: string[] = [];
    informer.onChange((change) => seen.push(told(change)));
    expect(seen).toEqual(["added x 101"]);
  });

  it("are told everything again from time to time", async () => {
    server.put("x");
    const clock = new ManualClock();
    const { changes } = await start({ clock, resyncMs: 10_000, random: () => 0.5 });
    await clock.advance(10_000);
    expect(changes).toEqual(["added x 101", "updated x 101 from 101"]);
  });
});

describe("faults", () => {
  it("a watch cut amid a line loses nothing and tells nothing twice", async () => {
    server.put("x");
    const { changes } = await start();
    await settled("watching", () => server.open === 1);
    server.mute = true;
    server.put("y");
    server.send('{"type":"ADDED","object":{"metadata":{"name":"y"');
    server.http.disconnect();
    server.mute = false;
    await settled("told", () => changes.length === 2);
    expect(changes).toEqual(["added x 101", "added y 102"]);
    expect(server.lists).toHaveLength(1);
  });

  it.each([
    ["as the HTTP status", false],
    ["as an ERROR event", true],
  ])(
    "a watch that is too old (410 %s) makes it list anew and tell what it missed",
    async (_name, asEvent) => {
      for (const name of ["same", "changed", "deleted", "recreated"]) server.put(name);
      const { changes, informer } = await start();
      await settled("watching", () => server.open === 1);
      changes.length = 0;
      server.mute = true;
      server.put("changed");
      server.delete("deleted");
      server.delete("recreated");
      server.put("recreated");
      server.put("new");
      server.compact();
      if (asEvent) {
        const object = status(410, "Expired", "too old resource version");
        server.send(`${JSON.stringify({ type: "ERROR", object })}\n`);
      }
      server.http.disconnect();
      server.mute = false;
      await settled("listed", () => changes.length === 5);
      expect(changes).toEqual([
        "deleted deleted 103 from 103",
        "updated changed 105 from 102",
        "deleted recreated 104 from 104",
        "added recreated 108",
        "added new 109",
      ]);
      expect(versions(informer.list())).toEqual(versions(server.objects.values()));
    },
  );

  it("500s, broken connections and nonsense are tried again until they are over", async () => {
    const fault = answer(500, status(500, "InternalError", "etcd is away"));
    server.put("x");
    server.fail(fault, fault, fault, fault, fault, brokenConnection, answer(200, "<html>"));
    const { lines, changes } = await start();
    server.fail(
      brokenConnection,
      fault,
      answer(200, "nonsense\n"),
      answer(403, status(403, "Forbidden", "no")),
    );
    server.http.disconnect();
    await settled("watching again", () => server.open === 1);
    server.put("y");
    await settled("told", () => changes.length === 2);
    const failures = lines.filter(({ level }) => level === "warn");
    expect(failures.length).toBeGreaterThan(2);
    expect(failures[0]).toMatchObject({ msg: "list failed", err: { reason: "InternalError" }, failures: 1 });
    expect(lines.at(-1)).toMatchObject({ level: "info", msg: "watching again" });
  });

  it("a server that accepts a watch and then says nothing is left for another watch", async () => {
    const { changes, informer } = await start({ stallTimeoutMs: 50 });
    await settled("watching again", () => server.watches.length >= 3);
    server.put("x");
    await settled("told", () => changes.length === 1);
    expect(server.lists).toHaveLength(1);
    expect(informer.list()).toHaveLength(1);
  });

  it("a server that does not answer at all is given up by the request's deadline", async () => {
    server.put("x");
    server.fail(silence);
    const { changes } = await start({ requestTimeoutMs: 50 });
    server.fail(silence);
    server.http.disconnect();
    await settled("watching", () => server.open === 1);
    server.put("y");
    await settled("told", () => changes.length === 2);
    expect(changes).toEqual(["added x 101", "added y 102"]);
  });

  it("watches that end as soon as they begin are not opened in a hot loop", async () => {
    server.http.otherwise = ((before) => (response, request) => {
      before(response, request);
      if (request.query.get("watch") === "true") response.end();
    })(server.http.otherwise);
    const clock = new ManualClock();
    await start({ clock, backoff: new Backoff({ baseMs: 1_000, maxMs: 8_000, jitter: 0 }) });
    await settled("failed once", () => clock.nextIn === 1_000);
    await clock.advance(1_000);
    await settled("failed twice", () => clock.nextIn === 2_000);
    expect(server.watches).toHaveLength(2);
  });

  it("a cluster restored from a backup is believed, although its versions have gone back", async () => {
    for (const name of ["kept", "lost"]) server.put(name);
    const { changes, informer } = await start();
    await settled("watching", () => server.open === 1);
    server.put("kept");
    await settled("told", () => changes.length === 3);
    changes.length = 0;
    server.mute = true;
    server.delete("lost");
    server.version = 50;
    server.put("kept");
    server.bookmark();
    await settled("listed", () => changes.length === 2);
    expect(changes).toEqual(["deleted lost 102 from 102", "updated kept 51 from 103"]);
    expect(versions(informer.list())).toEqual(versions(server.objects.values()));
  });

  it("a cluster restored from a backup is noticed before it is watched: it would say nothing", async () => {
    const { changes } = await start();
    await settled("watching", () => server.open === 1);
    server.put("lost");
    await settled("told", () => changes.length === 1);
    server.mute = true;
    server.delete("lost");
    server.version = 50;
    server.put("restored");
    server.http.disconnect();
    await settled("listed", () => changes.length === 3);
    expect(changes).toEqual(["added lost 101", "deleted lost 101 from 101", "added restored 51"]);
  });
});

describe("observe", () => {
  it("takes what is newer than all that was told, and tells it once", async () => {
    const { informer, changes } = await start();
    await settled("watching", () => server.open === 1);
    server.mute = true;
    const written = server.put("x");
    informer.observe(written);
    expect(informer.get("a/x")).toEqual(written);
    server.mute = false;
    server.put("x");
    await settled("told", () => changes.length === 2);
    expect(changes).toEqual(["added x 101", "updated x 102 from 101"]);
  });

  it("does not bring back what was deleted meanwhile, nor anything older", async () => {
    const { informer, changes } = await start();
    await settled("watching", () => server.open === 1);
    const first = server.put("x");
    const second = server.put("x");
    await settled("told", () => changes.length === 2);
    informer.observe(first);
    expect(informer.get("a/x")).toEqual(second);
    server.delete("x");
    await settled("deleted", () => informer.list().length === 0);
    informer.observe(second);
    expect(informer.list()).toEqual([]);
    expect(changes).toHaveLength(3);
  });

  it("is not undone by a list that began before the write", async () => {
    const old = server.put("x");
    const { informer, changes } = await start();
    await settled("watching", () => server.open === 1);
    server.mute = true;
    const [x, y] = [server.put("x"), server.put("y")];
    informer.observe(x);
    informer.observe(y);
    // What a list gives that was begun before.
    server.objects.clear();
    server.objects.set("x", old);
    server.version = 101;
    server.fail(answer(410, status(410, "Expired", "too old resource version")));
    server.http.disconnect();
    await settled("watching again", () => server.lists.length === 2 && server.open === 1);
    expect(versions(informer.list())).toEqual(versions([x, y]));
    expect(changes).toEqual(["added x 101", "updated x 102 from 101", "added y 103"]);
  });

  it("of a re-created object is not undone by the deletion of the one before", async () => {
    const { informer, changes } = await start();
    await settled("watching", () => server.open === 1);
    server.put("x");
    await settled("told", () => changes.length === 1);
    server.mute = true;
    server.delete("x");
    const recreated = server.put("x");
    informer.observe(recreated);
    server.mute = false;
    server.put("y");
    await settled("told", () => changes.length === 4);
    expect(changes).toEqual(["added x 101", "deleted x 101 from 101", "added x 103", "added y 104"]);
    expect(informer.get("a/x")).toEqual(recreated);
  });

  it("from within a handler is told after what is being told, to every handler", async () => {
    const { informer, changes } = await start();
    await settled("watching", () => server.open === 1);
    const seen: string[] = [];
    let answered = false;
    informer.onChange(({ object }) => {
      if (answered) return;
      answered = true;
      server.mute = true;
      informer.observe(server.put(object.metadata.name));
    });
    informer.onChange((change) => seen.push(told(change)));
    server.put("x");
    await settled("told", () => seen.length === 2);
    expect(seen).toEqual(["added x 101", "updated x 102 from 101"]);
    expect(changes).toEqual(seen);
  });

  it("leaves alone what the informer does not cover", async () => {
    const { informer } = await start({ namespace: "a" });
    informer.observe({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace: "b", name: "x", resourceVersion: "999" },
    });
    expect(informer.list()).toEqual([]);
  });
});

const NAME = fc.constantFrom("x", "y", "z");
const STEP = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("put", "delete", "recreate", "write through", "late"),
      name: NAME,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("cut", "cut a line", "end", "compact", "fail", "pause"),
      name: NAME,
    }),
  },
);

it("ends up with what the server has, telling a history that makes sense, whatever happens on the way", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { maxLength: 25 }), async (steps) => {
      const server_ = await ListWatchServer.start();
      server = server_;
      const { informer, lines, end } = inform({ backoff: new Backoff({ baseMs: 1, maxMs: 4 }) });
      const written = new Map<string, KubeObject>();
      const mirror = new Map<string, KubeObject>();
      const stop = new AbortController();
      informer.onChange(({ type, object, previous }) => {
        const { name, uid } = object.metadata;
        expect(mirror.get(name)?.metadata.uid).toBe(type === "added" ? undefined : uid);
        expect(previous).toEqual(type === "added" ? undefined : mirror.get(name));
        if (type === "deleted") mirror.delete(name);
        else mirror.set(name, object);
      });
      informer.start(stop.signal);
      for (const step of steps) {
        switch (step.do) {
          case "put":
            server_.put(step.name);
            break;
          case "delete":
            server_.delete(step.name);
            break;
          case "recreate":
            server_.delete(step.name);
            server_.put(step.name);
            break;
          case "write through":
            written.set(step.name, server_.put(step.name));
            informer.observe(server_.put(step.name));
            break;
          case "late": {
            // The answer to a write comes after the object was changed or deleted again.
            const late = written.get(step.name);
            if (late !== undefined) informer.observe(late);
            break;
          }
          case "cut a line":
            server_.send('{"type":"ADD');
            server_.http.disconnect();
            break;
          case "cut":
            server_.http.disconnect();
            break;
          case "end":
            server_.endWatches();
            break;
          case "compact":
            server_.compact();
            server_.http.disconnect();
            break;
          case "fail":
            server_.fail(answer(500, status(500, "InternalError", "no")), brokenConnection);
            server_.http.disconnect();
            break;
          case "pause":
            await new Promise((resolve) => setTimeout(resolve, 3));
        }
      }
      await settled("the same", () => {
        const wanted = versions(server_.objects.values()).join();
        return (
          informer.synced &&
          versions(informer.list()).join() === wanted &&
          versions(mirror.values()).join() === wanted
        );
      });
      // What the handler expects is thrown into the log.
      expect(lines.filter(({ level }) => level === "error")).toEqual([]);
      stop.abort();
      await end();
      await server_.close();
    }),
    { numRuns: 40 },
  );
}, 120_000);
