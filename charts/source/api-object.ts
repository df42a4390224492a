import { ApiObject, JsonPatch } from "cdk8s";
import type { Construct } from "constructs";
import type { Manifest } from "./source.ts";

/** A cdk8s object of a manifest, with labels that all have beneath its own. */
export function apiObject(
  scope: Construct,
  id: string,
  manifest: Manifest,
  common: Readonly<Record<string, string>>,
): ApiObject {
  const { annotations, ...metadata } = manifest.metadata;
  // cdk8s takes annotations apart, and a stand-in for all of them with it: that is put in afterwards.
  const standIn = typeof annotations === "string";
  const labelled = {
    ...manifest,
    metadata: {
      ...metadata,
      labels: { ...common, ...metadata.labels },
      ...(standIn || annotations === undefined ? {} : { annotations }),
    },
  };
  // A copy: cdk8s takes what it is given for its own. What is undefined it leaves out.
  const object = new ApiObject(scope, id, structuredClone(labelled));
  if (standIn) object.addJsonPatch(JsonPatch.add("/metadata/annotations", annotations));
  return object;
}
