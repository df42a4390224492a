import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One request as the API server's audit log has it. */
export interface AuditedRequest {
  readonly at: number;
  readonly verb: string;
  readonly userAgent: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly code: number;
  /** What was sent; of statuses and ledgers only. */
  readonly body: unknown;
}

interface AuditEvent {
  readonly verb?: string;
  readonly userAgent?: string;
  readonly stage?: string;
  readonly requestReceivedTimestamp?: string;
  readonly requestObject?: unknown;
  readonly responseStatus?: { readonly code?: number };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
}

/** Bodies of what the operator writes again and again, and of every other request that it was made. */
const POLICY = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Request
    verbs: [create, update, patch]
    resources:
      - group: certferry.dev
        resources: [devicebatches/status, provisioningledgers]
  - level: None
    userGroups: [system:masters]
    resources:
      - group: coordination.k8s.io
        resources: [leases]
  - level: Metadata
`;

/** The API server's own record of who asked what, from its start. */
export class Audit implements AsyncDisposable {
  readonly #folder: string;
  #read = 0;
  #rest = "";

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<Audit> {
    const folder = await mkdtemp(join(tmpdir(), "certferry-audit-"));
    await writeFile(join(folder, "policy.yaml"), POLICY);
    return new Audit(folder);
  }

  /** Flags for kube-apiserver. */
  get flags(): string[] {
    return [
      `--audit-policy-file=${join(this.#folder, "policy.yaml")}`,
      `--audit-log-path=${join(this.#folder, "audit.log")}`,
    ];
  }

  /** What was asked since this was called last. */
  async next(): Promise<AuditedRequest[]> {
    await using file = await open(join(this.#folder, "audit.log"));
    const requests: AuditedRequest[] = [];
    const stream = file.createReadStream({ start: this.#read, autoClose: false, highWaterMark: 1024 * 1024 });
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      this.#read += chunk.length;
      const lines = (this.#rest + chunk.toString("latin1")).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) requests.push(requestOf(JSON.parse(line) as AuditEvent));
    }
    return requests;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function requestOf(event: AuditEvent): AuditedRequest {
  const { resource = "", subresource = "", namespace = "", name = "" } = event.objectRef ?? {};
  return {
    at: Date.parse(event.requestReceivedTimestamp ?? ""),
    verb: event.verb ?? "",
    userAgent: event.userAgent ?? "",
    resource,
    subresource,
    namespace,
    name,
    code: event.responseStatus?.code ?? 0,
    body: event.requestObject,
  };
}
