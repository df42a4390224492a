import { Construct } from "constructs";
import { customResourceDefinition } from "../../crds/crd.ts";
import { definitions } from "../../crds/definitions.ts";
import type { Manifest, Source } from "../source/source.ts";

/** Certferry's kinds. In the chart they are templates, so that an upgrade brings them up to date. */
export class Definitions extends Construct {
  constructor(scope: Construct, id: string, source: Source) {
    super(scope, id);
    for (const definition of definitions) {
      const crd = customResourceDefinition(definition) as unknown as Manifest;
      const annotations = source.when({ set: "crds.keep" }, { "helm.sh/resource-policy": "keep" });
      source.place(
        this,
        crd.metadata.name,
        { ...crd, metadata: { ...crd.metadata, annotations } },
        {
          set: "crds.install",
        },
      );
    }
  }
}
