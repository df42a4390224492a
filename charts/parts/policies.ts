import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Construct } from "constructs";
import { parseAllDocuments } from "yaml";
import type { Condition, Manifest, Source } from "../source/source.ts";

const CRDS = resolve(import.meta.dirname, "../../crds");

const POLICIES: readonly { file: string; when?: Condition }[] = [
  { file: "policies/reelbinding-deletion.yaml" },
  { file: "policies/cloudapi-use.yaml", when: { set: "policies.cloudUse" } },
  { file: "optional-policies/reel-bind.yaml", when: { set: "policies.reelBind" } },
  { file: "optional-policies/reel-content.yaml", when: { set: "policies.reelContent" } },
];

type PolicyManifest = Manifest & { readonly spec: { readonly paramRef?: object } };

/** Rules that the API server holds when objects are written, beside those of the kinds themselves. */
export class Policies extends Construct {
  constructor(scope: Construct, id: string, source: Source) {
    super(scope, id);
    for (const { file, when } of POLICIES) {
      for (const document of parseAllDocuments(readFileSync(join(CRDS, file), "utf8"))) {
        const manifest = withParamsOf(source, document.toJS() as PolicyManifest);
        source.place(this, `${manifest.metadata.name}-${manifest.kind}`, manifest, when);
      }
    }
  }
}

/** Parameters are in the operator's own namespace, wherever that is. */
function withParamsOf({ namespace }: Source, manifest: PolicyManifest): Manifest {
  const { paramRef } = manifest.spec;
  if (paramRef === undefined) return manifest;
  return { ...manifest, spec: { ...manifest.spec, paramRef: { ...paramRef, namespace } } };
}
