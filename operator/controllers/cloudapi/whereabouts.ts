import type { CloudApi } from "../../../crds/index.ts";
import { ended } from "../remedies.ts";

/**
 * Where what a fault is about is written: interop/, which finds faults, knows addresses and not the fields that they
 * come from. @returns a sentence; undefined where no field has to do with the fault
 */
export function whereabouts(reason: string, { metadata, spec }: CloudApi): string | undefined {
  switch (reason) {
    case "NameNotResolved":
    case "NotAnInteropEndpoint":
    case "ConnectionRefused":
    case "EgressRefused":
      return `The address is made of ${addressFields(spec)} of CloudApi ${metadata.name}`;
    case "CertificateUntrusted":
      return `CAs are trusted by spec.caBundle of CloudApi ${metadata.name}, besides the public ones`;
    case "Unauthorized":
      return credentials({ metadata, spec });
    default:
      return undefined;
  }
}

/** A message with where to look, once. */
export function withWhereabouts(reason: string, message: string, api: CloudApi | undefined): string {
  const where = api && whereabouts(reason, api);
  return where === undefined || message.includes(where) ? message : `${ended(message)} ${where}`;
}

function addressFields({ aws, azure }: CloudApi["spec"]): string {
  if (aws !== undefined) {
    return aws.endpoint === undefined
      ? "spec.aws.apiGatewayId, spec.aws.region and spec.aws.stage"
      : "spec.aws.endpoint and spec.aws.stage";
  }
  return azure === undefined ? "spec.other.url" : "spec.azure.interopUrl";
}

function credentials({ metadata, spec }: Pick<CloudApi, "metadata" | "spec">): string {
  const { namespace, name } = metadata;
  if (spec.other !== undefined) {
    return `They are in Secret ${namespace}/${spec.other.credentialsSecretRef.name} (spec.other.credentialsSecretRef of CloudApi ${name})`;
  }
  const id = spec.aws === undefined ? "spec.azure.subscriptionId" : "spec.aws.accountId";
  return `The public keys are in ConfigMap ${namespace}/certferry-jwks, the ID is ${id} of CloudApi ${name}`;
}
