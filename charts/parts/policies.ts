import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Construct } from "constructs";
import { parseAllDocuments } from "yaml";
import type { Condition, Manifest, Source } from "../source/source.ts";
import { OPERATOR } from "./names.ts";

const CRDS = resolve(import.meta.dirname, "../../crds");

const POLICIES: readonly { file: string; when?: Condition }[] = [
  { file: "policies/reelbinding-deletion.yaml" },
  { file: "policies/cloudapi-use.yaml", when: { set: "policies.cloudUse" } },
  { file: "optional-policies/reel-bind.yaml", when: { set: "policies.reelBind" } },
  { file: "optional-policies/reel-content.yaml", when: { set: "policies.reelContent" } },
];

type PolicyManifest = Manifest & {
  readonly spec: {
    readonly paramRef?: object;
    readonly matchConditions?: readonly { readonly name: string; readonly expression: string }[];
  };
};

/** Rules that the API server holds when objects are written, beside those of the kinds themselves. */
export class Policies extends Construct {
  constructor(scope: Construct, id: string, source: Source) {
    super(scope, id);
    for (const { file, when } of POLICIES) {
      for (const document of parseAllDocuments(readFileSync(join(CRDS, file), "utf8"))) {
        const manifest = atHomeIn(source, document.toJS() as PolicyManifest);
        source.place(this, `${manifest.metadata.name}-${manifest.kind}`, manifest, when);
      }
    }
  }
}

/** Parameters are in the operator's own namespace, and so is its ServiceAccount, wherever that is. */
function atHomeIn(source: Source, manifest: PolicyManifest): Manifest {
  const { paramRef, matchConditions } = manifest.spec;
  const own = {
    ...(paramRef === undefined ? {} : { paramRef: { ...paramRef, namespace: source.namespace } }),
    ...(matchConditions === undefined
      ? {}
      : { matchConditions: matchConditions.map((each) => madeBy(source, each)) }),
  };
  return { ...manifest, spec: { ...manifest.spec, ...own } };
}

const ACCOUNT = "system:serviceaccount:certferry-system:certferry-operator";

function madeBy<T extends { readonly expression: string }>(source: Source, condition: T): T {
  if (!condition.expression.includes(ACCOUNT)) return condition;
  const pattern = condition.expression.replace(ACCOUNT, `system:serviceaccount:%s:${OPERATOR}`);
  return { ...condition, expression: source.inNamespace(pattern) };
}
