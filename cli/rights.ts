/** A right as the API server says that it is missing. */
export interface MissingRight {
  readonly user: string;
  readonly verb: string;
  readonly resource: string;
  readonly group: string;
  readonly namespace: string | undefined;
}

const REFUSAL =
  /User "(?<user>[^"]*)" cannot (?<verb>[\w*]+) resource "(?<resource>[^"]+)" in API group "(?<group>[^"]*)" (?:in the namespace "(?<namespace>[^"]+)"|at the cluster scope)/;

/** The roles for people that come with Certferry, from the least to the most; and what Kubernetes has of its own. */
const CERTFERRY = "certferry.dev";
const READ: ReadonlySet<string> = new Set(["get", "list", "watch"]);
const WRITE: ReadonlySet<string> = new Set(["create", "update", "patch", "delete", "deletecollection"]);
const OPEN: ReadonlySet<string> = new Set(["reels", "cloudapis", "devicebatches"]);
const RECORDS: ReadonlySet<string> = new Set(["reelbindings", "provisioningledgers"]);

/** Which shipped roles hold a right on a kind of Certferry's, the least first. charts/ is what counts: a test compares. */
export function rolesWith(verb: string, resource: string): string[] {
  const roles: string[] = [];
  const reads = READ.has(verb);
  const writes = WRITE.has(verb);
  if (reads && OPEN.has(resource)) roles.push("certferry-viewer");
  if ((reads && OPEN.has(resource)) || (verb === "create" && resource === "devicebatches"))
    roles.push("certferry-binder");
  if ((reads && OPEN.has(resource)) || (writes && resource !== "reels" && OPEN.has(resource)))
    roles.push("certferry-editor");
  if ((reads || writes) && OPEN.has(resource)) roles.push("certferry-admin");
  if (reads && RECORDS.has(resource)) roles.push("certferry-admin");
  if (verb === "delete" && resource === "reelbindings") roles.push("certferry-admin");
  if (verb === "use" && resource === "cloudapis") roles.push("certferry-editor", "certferry-admin");
  if (verb === "bind" && resource === "reels") roles.push("certferry-admin");
  return roles;
}

/** The right that a refusal is about; undefined where it is about none (an admission policy's refusal). */
export function missingRight(words: string): MissingRight | undefined {
  const groups = REFUSAL.exec(words)?.groups;
  if (groups === undefined) return undefined;
  const { user = "", verb = "", resource = "", group = "", namespace } = groups;
  return { user, verb, resource, group, namespace };
}

/** `create devicebatches.certferry.dev in namespace acme` */
export function rightInWords({ verb, resource, group, namespace }: MissingRight): string {
  const what = group === "" ? resource : `${resource}.${group}`;
  return `${verb} ${what} ${namespace === undefined ? "in the whole cluster" : `in namespace ${namespace}`}`;
}

/** Roles that Kubernetes itself has, for what they hold of the core's kinds that commands read and write; the least first. */
function rolesOfKubernetes(verb: string, resource: string): string[] {
  if (resource === "configmaps") return READ.has(verb) ? ["view", "edit", "admin"] : ["edit", "admin"];
  if (resource === "secrets") return ["edit", "admin"];
  return [];
}

/** What to ask an administrator for, with the command that grants it. */
export function howToGet(right: MissingRight): string {
  const { user, verb, resource, group, namespace } = right;
  const [role, ...others] = group === CERTFERRY ? rolesWith(verb, resource) : [];
  const kind = namespace === undefined ? "clusterrole" : "role";
  const where = namespace === undefined ? "" : ` -n ${namespace}`;
  const whom = `--user=${JSON.stringify(user)}`;
  if (role !== undefined) {
    const also = others.length === 0 ? "" : ` (${others.join(" and ")} too)`;
    return `The role ${role} has this right${also}. An administrator grants it with: kubectl create ${kind}binding NAME${where} --clusterrole=${role} ${whom}`;
  }
  const wide = namespace !== undefined && group === "" ? rolesOfKubernetes(verb, resource) : [];
  const theirs =
    wide.length === 0
      ? "no role of Certferry's has it"
      : `no role of Certferry's has it; of Kubernetes' own, ${wide.join(" and ")} have`;
  const what = group === "" ? resource : `${resource}.${group}`;
  return [
    `An administrator of ${namespace === undefined ? "the cluster" : `namespace ${namespace}`} gives it (${theirs}), and it alone with:`,
    `kubectl create ${kind} NAME${where} --verb=${verb} --resource=${what}`,
    `kubectl create ${kind}binding NAME${where} --${kind}=NAME ${whom}`,
  ].join("\n");
}
