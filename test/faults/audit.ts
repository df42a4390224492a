import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";

/** A write that the API server has done, and by whom. */
export interface AuditedWrite {
  /** Of the operator's service account. */
  readonly by: string;
  /** `update provisioningledgers d001.0123456789.0`. */
  readonly what: string;
  /** When it reached the API server; epoch ms. */
  readonly at: number;
}

const POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived", "ResponseStarted"],
  rules: [
    {
      level: "Metadata",
      userGroups: ["system:serviceaccounts"],
      verbs: ["create", "update", "patch", "delete", "deletecollection"],
    },
    { level: "None" },
  ],
};

const SERVICE_ACCOUNT = /^system:serviceaccount:[^:]+:(?<name>.+)$/u;

/** The API server's own audit log, which tells what each operator wrote: each has a service account of its own. */
export class Audit {
  /** Further flags of the API server. */
  readonly apiServerArgs: readonly string[];
  /** Its path. */
  readonly log: string;

  private constructor(policy: string, log: string) {
    this.apiServerArgs = [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`];
    this.log = log;
  }

  /** @param folder where the policy and the log are laid */
  static async open(folder: string): Promise<Audit> {
    const policy = join(folder, "audit-policy.yaml");
    await writeFile(policy, stringify(POLICY));
    return new Audit(policy, join(folder, "audit.log"));
  }

  /** What service accounts wrote with success, in the order of the log. */
  async writes(): Promise<AuditedWrite[]> {
    const text = await readFile(this.log, "utf8").catch(() => "");
    return text
      .split("\n")
      .filter(Boolean)
      .flatMap((line) => readEntry(line) ?? []);
  }
}

interface AuditEntry {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { resource?: string; subresource?: string; namespace?: string; name?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
}

function readEntry(line: string): AuditedWrite | undefined {
  let entry: AuditEntry;
  try {
    entry = JSON.parse(line) as AuditEntry;
  } catch {
    // The last line of an API server that was killed.
    return undefined;
  }
  const by = SERVICE_ACCOUNT.exec(entry.user.username)?.groups?.["name"];
  const code = entry.responseStatus?.code ?? 0;
  if (by === undefined || code < 200 || code >= 300) return undefined;
  const { resource = "", subresource, namespace, name = "" } = entry.objectRef ?? {};
  const kind = subresource === undefined ? resource : `${resource}/${subresource}`;
  return {
    by,
    what: `${entry.verb} ${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`,
    at: Date.parse(entry.requestReceivedTimestamp),
  };
}
