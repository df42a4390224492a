import { readFile, readdir } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { parseAllDocuments } from "yaml";
import { GROUP, VERSION, kinds } from "../kinds.ts";

/** Any object of the API, as tests write and read it. */
export interface Obj {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; resourceVersion?: string };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  [field: string]: unknown;
}

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  /** What the API server says of a refusal; empty when it did what it was asked for. */
  readonly message: string;
}

const DEADLINE_MS = 30_000;
const OTHER_KINDS: Record<string, { path: string; plural: string; namespaced: boolean }> = {
  Namespace: { path: "/api/v1", plural: "namespaces", namespaced: false },
  Secret: { path: "/api/v1", plural: "secrets", namespaced: true },
  ConfigMap: { path: "/api/v1", plural: "configmaps", namespaced: true },
  CustomResourceDefinition: {
    path: "/apis/apiextensions.k8s.io/v1",
    plural: "customresourcedefinitions",
    namespaced: false,
  },
  ValidatingAdmissionPolicy: {
    path: "/apis/admissionregistration.k8s.io/v1",
    plural: "validatingadmissionpolicies",
    namespaced: false,
  },
  ValidatingAdmissionPolicyBinding: {
    path: "/apis/admissionregistration.k8s.io/v1",
    plural: "validatingadmissionpolicybindings",
    namespaced: false,
  },
};

/** Plain calls of an API server, with the answers as they come: what tests of the API itself need. */
export class Api {
  readonly #config = new KubeConfig();

  constructor(kubeconfig: string) {
    this.#config.loadFromFile(kubeconfig);
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const server = this.#config.getCurrentCluster()?.server;
    if (server === undefined) throw new Error("the kubeconfig names no server");
    const options = { method, headers: { "content-type": "application/json", ...headers } };
    await this.#config.applyToHTTPSOptions(options);
    return await new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(DEADLINE_MS);
      const call = request(new URL(path, server), { ...options, signal }, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", reject);
        response.on("end", () => {
          resolve(answerOf(response.statusCode ?? 0, Buffer.concat(parts).toString()));
        });
      });
      call.on("error", reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Server-side apply. */
  async apply(object: Obj): Promise<Answer> {
    return await this.call("PATCH", `${pathOf(object)}?fieldManager=test&force=true`, object, {
      "content-type": "application/apply-patch+yaml",
    });
  }

  async create(object: Obj): Promise<Answer> {
    return await this.call("POST", collectionOf(object), object);
  }

  async get(object: Obj): Promise<Answer> {
    return await this.call("GET", pathOf(object));
  }

  /** JSON merge patch of the object, or of its status. */
  async merge(object: Obj, patch: unknown, subresource: "" | "/status" = ""): Promise<Answer> {
    return await this.call("PATCH", pathOf(object) + subresource, patch, {
      "content-type": "application/merge-patch+json",
    });
  }

  async delete(object: Obj): Promise<Answer> {
    return await this.call("DELETE", pathOf(object));
  }

  /** Asks again and again until `done` holds of the answer; an error says what the last one was. */
  async until(ask: () => Promise<Answer>, done: (answer: Answer) => boolean): Promise<Answer> {
    const end = Date.now() + DEADLINE_MS;
    for (;;) {
      const answer = await ask();
      if (done(answer)) return answer;
      if (Date.now() > end)
        throw new Error(`not so within its time; the last answer: ${JSON.stringify(answer)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Installs what `crds/yaml` holds, and waits until the API server serves it. */
  async install(): Promise<readonly Answer[]> {
    const crds = await objectsIn(join(import.meta.dirname, "../yaml"));
    const answers: Answer[] = [];
    for (const crd of crds) answers.push(await this.apply(crd));
    for (const crd of crds) {
      await this.until(
        () => this.get(crd),
        ({ body }) => conditionOf(body, "Established") === "True",
      );
    }
    for (const { plural } of Object.values(kinds)) {
      await this.until(
        () => this.call("GET", `/apis/${GROUP}/${VERSION}/${plural}`),
        ({ status }) => status === 200,
      );
    }
    return answers;
  }
}

/** The API server answers in JSON, but for what it does not serve (yet). */
function answerOf(status: number, text: string): Answer {
  const json = text.startsWith("{");
  const body = json ? (JSON.parse(text) as Record<string, unknown>) : {};
  const message = json ? String(body["message"]) : `no JSON: ${text.slice(0, 200)}`;
  return { status, body, message: status >= 400 ? message : "" };
}

/** The status of one condition of an object. */
export function conditionOf(object: Record<string, unknown>, type: string): string | undefined {
  const status = object["status"] as { conditions?: { type: string; status: string }[] } | undefined;
  return status?.conditions?.find((condition) => condition.type === type)?.status;
}

export function collectionOf(object: Obj): string {
  const own = Object.values(kinds).find(({ kind }) => kind === object.kind);
  const place = own === undefined ? OTHER_KINDS[object.kind] : { path: `/apis/${GROUP}/${VERSION}`, ...own };
  if (place === undefined) throw new Error(`where is the kind ${object.kind} served? Add it to OTHER_KINDS`);
  const namespace = place.namespaced ? `/namespaces/${object.metadata.namespace ?? "default"}` : "";
  return `${place.path}${namespace}/${place.plural}`;
}

function pathOf(object: Obj): string {
  return `${collectionOf(object)}/${object.metadata.name}`;
}

/** All objects of all YAML files below a folder, in the order in which `kubectl apply -R` takes them. */
export async function objectsIn(folder: string): Promise<Obj[]> {
  const entries = await readdir(folder, { recursive: true });
  const objects: Obj[] = [];
  for (const file of entries.filter((entry) => entry.endsWith(".yaml")).sort()) {
    const text = await readFile(join(folder, file), "utf8");
    for (const document of parseAllDocuments(text)) {
      if (document.errors.length > 0) throw new Error(`${file}: ${document.errors.join("; ")}`);
      objects.push(document.toJS() as Obj);
    }
  }
  return objects;
}
