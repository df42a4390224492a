/** A write of something that Certferry lives by: its own kinds, Secrets and ConfigMaps. */
export interface ApiWrite {
  readonly method: "POST" | "PUT" | "PATCH" | "DELETE";
  readonly plural: string;
  readonly namespace: string | undefined;
  readonly name: string;
  /** What is done to what, without names: `PUT devicebatches/status`. */
  readonly label: string;
}

const METHODS = new Set(["POST", "PUT", "PATCH", "DELETE"]);
const CORE = new Set(["secrets", "configmaps"]);
const PATH =
  /^\/(?:api|apis\/(?<group>[^/]+))\/v[^/]+(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<plural>[^/?]+)(?:\/(?<name>[^/?]+))?(?:\/(?<sub>[^/?]+))?/u;

/** Reads a request as such a write; undefined for whatever else it is (a reading, an Event, a Lease). */
export function readWrite(method: string, url: string, body: Buffer): ApiWrite | undefined {
  const found = METHODS.has(method) ? PATH.exec(url)?.groups : undefined;
  if (found === undefined) return undefined;
  const { group, namespace, plural = "", name, sub } = found;
  if (group === undefined ? !CORE.has(plural) : group !== "certferry.dev") return undefined;
  return {
    method: method as ApiWrite["method"],
    plural,
    namespace,
    name: name ?? nameIn(body),
    label: `${method} ${plural}${sub === undefined ? "" : `/${sub}`}`,
  };
}

function nameIn(body: Buffer): string {
  const object = JSON.parse(body.toString("utf8")) as { metadata?: { name?: string } };
  return object.metadata?.name ?? "";
}
