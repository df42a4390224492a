import type { Definition } from "./definitions.ts";
import { GROUP, VERSION, kinds } from "./kinds.ts";
import { NOT_OBSERVED } from "./schema/fields.ts";
import { structural, type SchemaNode } from "./structural.ts";

const METADATA: Record<string, SchemaNode> = {
  apiVersion: {
    description: "The API group and version that this object is written in, e.g. certferry.dev/v1alpha1.",
    type: "string",
  },
  kind: { description: "What this object is.", type: "string" },
  // The API server describes metadata by itself, and takes no description of ours.
  metadata: { type: "object" },
};

/**
 * What the API server says of an object that nobody has looked at. kstatus takes an object without conditions for one
 * that is done; by this it is told that it is not (docs/adr/0024).
 */
const UNSEEN = { default: { observedGeneration: NOT_OBSERVED } };

/** The schema of a whole object of a kind: metadata, spec and, where there is one, status. */
export function objectSchema(definition: Definition): SchemaNode {
  const { kind, spec, status, rules } = definition;
  return {
    description: definition.description,
    type: "object",
    ...(rules.length > 0 ? { "x-kubernetes-validations": rules } : {}),
    required: ["spec"],
    properties: {
      ...METADATA,
      spec: structural(spec, `${kind}.spec`),
      ...(status === undefined ? {} : { status: { ...structural(status, `${kind}.status`), ...UNSEEN } }),
    },
  };
}

/** The CustomResourceDefinition of a kind. */
export function customResourceDefinition(definition: Definition) {
  const { plural, kind, namespaced } = kinds[definition.kind];
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: namespaced ? "Namespaced" : "Cluster",
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: definition.shortNames,
        categories: ["certferry"],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          ...(definition.status === undefined ? {} : { subresources: { status: {} } }),
          additionalPrinterColumns: definition.columns,
          schema: { openAPIV3Schema: objectSchema(definition) },
        },
      ],
    },
  };
}
