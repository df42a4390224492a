import type { ServerResponse } from "node:http";

import type { KubeObject } from "../objects.ts";
import { answer, listOf, ScriptedServer, status } from "./scripted-server.ts";
import type { Answer, Received } from "./scripted-server.ts";

interface HistoryEntry {
  version: number;
  type: "ADDED" | "MODIFIED" | "DELETED";
  object: KubeObject;
}

interface Watcher {
  response: ServerResponse;
  sent: number;
}

/** ConfigMaps of one namespace, listed and watched as a Kubernetes API server does it, with faults on request. */
export class ListWatchServer {
  readonly http: ScriptedServer;
  readonly objects = new Map<string, KubeObject>();
  readonly lists: Received[] = [];
  readonly watches: Received[] = [];
  version = 100;
  /** History up to here is gone. */
  compacted = 100;
  /** Whether accepted watches send nothing. */
  mute = false;
  #history: HistoryEntry[] = [];
  readonly #watchers = new Set<Watcher>();
  #uids = 0;

  private constructor(http: ScriptedServer) {
    this.http = http;
    this.http.otherwise = (response, request) =>
      request.query.get("watch") === "true" ? this.#watch(response, request) : this.#list(response, request);
  }

  static async start(): Promise<ListWatchServer> {
    return new ListWatchServer(await ScriptedServer.start());
  }

  /** How many watches are open. */
  get open(): number {
    return this.#watchers.size;
  }

  /** Creates or changes an object. */
  put(name: string, labels: Record<string, string> = {}): KubeObject {
    const before = this.objects.get(name);
    this.version += 1;
    const uid = before?.metadata.uid ?? `uid-${(this.#uids += 1)}`;
    const object: KubeObject = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace: "a", name, uid, resourceVersion: String(this.version), labels },
    };
    this.objects.set(name, object);
    this.#append(before === undefined ? "ADDED" : "MODIFIED", object);
    return object;
  }

  delete(name: string): void {
    const before = this.objects.get(name);
    if (before === undefined) return;
    this.version += 1;
    this.objects.delete(name);
    const metadata = { ...before.metadata, resourceVersion: String(this.version) };
    this.#append("DELETED", { ...before, metadata });
  }

  /** Forgets the history, so that a watch from before it gets 410. */
  compact(): void {
    this.compacted = this.version;
    this.#history = [];
  }

  bookmark(version = this.version): void {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { resourceVersion: String(version) } };
    this.send(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
  }

  /** Sends the same text to all watches. */
  send(text: string): void {
    for (const { response } of this.#watchers) response.write(text);
  }

  /** Ends all watches as a server does whose time for them is over. */
  endWatches(): void {
    for (const { response } of this.#watchers) response.end();
    this.#watchers.clear();
  }

  /** Answers the next requests, whatever they are, with a fault each. */
  fail(...faults: Answer[]): void {
    this.http.next.push(...faults);
  }

  async close(): Promise<void> {
    await this.http.close();
  }

  #append(type: HistoryEntry["type"], object: KubeObject): void {
    this.#history.push({ version: this.version, type, object });
    for (const watcher of this.#watchers) this.#send(watcher);
  }

  #list(response: ServerResponse, request: Received): void {
    // With a limit of one, only the version is asked for.
    if (request.query.get("limit") !== "1") this.lists.push(request);
    answer(200, listOf([...this.objects.values()], String(this.version)))(response, request);
  }

  #watch(response: ServerResponse, request: Received): void {
    this.watches.push(request);
    const from = Number(request.query.get("resourceVersion"));
    if (from < this.compacted) {
      answer(410, status(410, "Expired", "too old resource version"))(response, request);
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    const watcher = { response, sent: from };
    this.#watchers.add(watcher);
    response.on("close", () => this.#watchers.delete(watcher));
    this.#send(watcher);
  }

  #send(watcher: Watcher): void {
    if (this.mute) return;
    for (const { version, type, object } of this.#history) {
      if (version <= watcher.sent) continue;
      watcher.response.write(`${JSON.stringify({ type, object })}\n`);
      watcher.sent = version;
    }
  }
}
