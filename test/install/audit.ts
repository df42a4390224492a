import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";

/** A request as it was authorized. */
export interface Request {
  readonly verb: string;
  readonly group: string;
  /** With its subresource: `reels/status`. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly status: number;
}

interface Entry {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly requestURI: string;
  readonly responseStatus?: { readonly code?: number };
}

const POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  // A watch is answered when it starts, and may never end.
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata", userGroups: ["system:serviceaccounts"] }, { level: "None" }],
};

/** The API server's own log of what a ServiceAccount asked for. */
export class RequestLog {
  readonly apiServerArgs: readonly string[];
  readonly #log: string;

  private constructor(policy: string, log: string) {
    this.apiServerArgs = [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`];
    this.#log = log;
  }

  /** @param folder where the policy and the log are laid */
  static async open(folder: string): Promise<RequestLog> {
    const policy = join(folder, "audit-policy.yaml");
    await writeFile(policy, stringify(POLICY));
    return new RequestLog(policy, join(folder, "audit.log"));
  }

  /** Every request of a ServiceAccount for something that rules are about. */
  async of(namespace: string, account: string): Promise<Request[]> {
    const user = `system:serviceaccount:${namespace}:${account}`;
    const lines = (await readFile(this.#log, "utf8")).split("\n").filter((line) => line.includes(user));
    return lines
      .map((line) => JSON.parse(line) as Entry)
      .filter((entry) => entry.user.username === user && entry.objectRef?.resource !== undefined)
      .flatMap(requestsOf);
  }
}

function requestsOf({ verb, objectRef = {}, requestURI, responseStatus }: Entry): Request[] {
  const { resource = "", subresource, apiGroup = "", namespace, name } = objectRef;
  const status = responseStatus?.code ?? 0;
  const request: Request = {
    verb,
    group: apiGroup,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    namespace,
    name: name ?? nameInSelector(requestURI),
    status,
  };
  // An apply that makes an object is a creation, too, and is authorized as one.
  return verb === "patch" && status === 201 ? [request, { ...request, verb: "create" }] : [request];
}

/** A list of one object by its name counts as one of that name (the API server's own rule). */
function nameInSelector(uri: string): string | undefined {
  const selector = new URL(uri, "https://api").searchParams.get("fieldSelector") ?? "";
  return /^metadata\.name=(?<name>[^,]+)$/u.exec(selector)?.groups?.["name"];
}
