import { z } from "zod";
import {
  CLOUD_API_NAME_MAX,
  caBundle,
  conditions,
  count,
  observedGeneration,
  secretRef,
  text,
} from "./fields.ts";
import {
  type CelRule,
  immutable,
  noCredentialsInTheClear,
  rules,
  sameHost,
  webAddress,
  WITHOUT_QUERY,
} from "./rules.ts";

const ANOTHER = "it says which product cloud this is. Create another CloudApi for another cloud";

const aws = z
  .object({
    accountId: text({
      description: "The AWS account ID: 12 digits, in quotes. Cannot be changed.",
      max: 12,
      pattern: /^[0-9]{12}$/,
      patternMessage: 'must be an AWS account ID: 12 digits without hyphens, in quotes, e.g. "123456789012"',
      rules: [immutable("The account ID", ANOTHER)],
    }),
    apiGatewayId: text({
      description: "The ID of the API Gateway in front of the callee: the stack's output GatewayId.",
      min: 1,
      max: 64,
      pattern: /^[a-z0-9]+$/,
      patternMessage:
        "must be the ID of an API Gateway: lower-case letters and digits, e.g. a1b2c3d4e5 (the output GatewayId of the stack, not the whole address)",
    }),
    region: text({
      description: "The AWS region, e.g. eu-west-1. Cannot be changed.",
      max: 32,
      pattern: /^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$/,
      patternMessage: "must be the name of an AWS region, e.g. eu-west-1 or cn-north-1",
      rules: [immutable("The region", ANOTHER)],
    }),
    stage: text({
      description: "The stage of the API Gateway: the stack's output Stage, e.g. Prod.",
      min: 1,
      max: 128,
      pattern: /^[A-Za-z0-9_-]+$/,
      patternMessage:
        "must be the name of a stage: letters, digits, hyphens and underscores, without slashes, e.g. Prod",
    }),
    endpoint: text({
      description:
        "Replaces scheme and host of the address, for a private API Gateway or an emulator. A path is kept; stage and /interop follow.",
      min: 1,
      max: 2048,
      rules: [
        ...webAddress("https://vpce-0a1b.execute-api.eu-west-1.vpce.amazonaws.com"),
        WITHOUT_QUERY,
        noCredentialsInTheClear(),
      ],
    }).exactOptional(),
  })
  .meta({ description: "AWS IoT Core behind an API Gateway. Set exactly when type is AWS." });

const azure = z
  .object({
    interopUrl: text({
      description:
        "The whole address that is posted to: the deployment's output interopURL, e.g. https://factory.azurewebsites.net/interop. Its host cannot be changed: it tells the hubs of one subscription apart.",
      min: 1,
      max: 2048,
      rules: [
        ...webAddress("https://factory.azurewebsites.net/interop"),
        noCredentialsInTheClear(),
        ...sameHost(ANOTHER),
      ],
    }),
    subscriptionId: text({
      description: "The Azure subscription ID. Cannot be changed.",
      max: 36,
      pattern: /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/,
      patternMessage: "must be an Azure subscription ID, e.g. 0f3c1c0a-6a1e-4e59-9d4b-2f5f6c1b7a90",
      rules: [
        {
          rule: "self.lowerAscii() == oldSelf.lowerAscii()",
          message: `The subscription ID cannot be changed: ${ANOTHER}`,
        },
      ],
    }),
  })
  .meta({ description: "Azure IoT Hub behind a Function App. Set exactly when type is Azure." });

const other = z
  .object({
    url: text({
      description: "The whole address that is posted to. Its host and port cannot be changed.",
      min: 1,
      max: 2048,
      rules: [
        ...webAddress("https://devices.example.com/interop"),
        noCredentialsInTheClear(),
        ...sameHost(ANOTHER),
      ],
    }),
    cloud: z.enum(["AWS", "Azure", "Private"]).meta({
      description:
        "What stands behind the address. AWS: AWS IoT Core. Azure: Azure IoT Hub. Private: a registry of your own.",
    }),
    credentialsSecretRef: secretRef(
      "The Secret with the user and password that are sent as HTTP Basic.",
      "The name of a Secret in this namespace, of type kubernetes.io/basic-auth (keys username and password).",
    ),
  })
  .meta({ description: "Any callee that takes a user and password. Set exactly when type is Other." });

const limits = z
  .object({
    devicesPerSecond: count("At most so many devices a second.", { min: 1, max: 100_000 }).exactOptional(),
    maxInFlight: count("At most so many requests under way at once.", { min: 1, max: 256 }).exactOptional(),
    maxDevicesPerRequest: count("At most so many devices in one request.", {
      min: 1,
      max: 10_000,
    }).exactOptional(),
  })
  .meta({
    description:
      "Ceilings for the pace, where the cloud needs them. Without them the pace is found by itself. Where several CloudApis lead to one cloud, the lowest holds.",
  });

function blockOf(type: string, block: string): CelRule {
  return {
    rule: `(self.type == '${type}') == has(self.${block})`,
    message: `exactly the block of spec.type must be set: ${block} when type is ${type}, and not otherwise`,
  };
}

export const cloudApiSpec = z
  .object({
    displayName: text({ description: "The name that people see.", min: 1, max: 128 }).exactOptional(),
    type: z.enum(["AWS", "Azure", "Other"]).meta({
      description:
        "How the cloud is reached. AWS: an API Gateway, with a token. Azure: a Function App, with a token. Other: any address, with user and password. Cannot be changed.",
      ...rules(immutable("The type", ANOTHER)),
    }),
    aws: aws.exactOptional(),
    azure: azure.exactOptional(),
    other: other.exactOptional(),
    caBundle: caBundle(
      "Certificates in PEM that are trusted for this cloud besides the public roots, e.g. of a private CA.",
    ).exactOptional(),
    default: z
      .boolean()
      .meta({
        description:
          "Whether this is the account's target for automatic provisioning: batches that name no cloud go here. At most one in a namespace; with two, neither is used, and both say so.",
      })
      .exactOptional(),
    suspend: z
      .boolean()
      .meta({ description: "While true, nothing is sent to this cloud, and batches wait." })
      .exactOptional(),
    limits: limits.exactOptional(),
  })
  .meta({
    description: "The link to one product cloud.",
    ...rules(blockOf("AWS", "aws"), blockOf("Azure", "azure"), blockOf("Other", "other")),
  });

export const cloudApiStatus = z
  .object({
    observedGeneration: observedGeneration().exactOptional(),
    endpoint: text({ description: "The whole address that is posted to.", max: 2304 }).exactOptional(),
    compatibilityVersion: z
      .int()
      .min(0)
      .meta({
        description: "The version of the interop protocol that the cloud gave in its answer.",
        format: "int64",
      })
      .exactOptional(),
    capabilities: z
      .array(text({ description: "The name of a capability.", min: 1, max: 64 }))
      .max(64)
      .meta({
        description:
          "What the cloud offers beyond version 1 of the protocol. Empty for a stack that speaks version 1 only.",
        "x-kubernetes-list-type": "atomic",
      })
      .exactOptional(),
    devicesProvisioned: count(
      "How many devices of this account are in the cloud that this CloudApi leads to, whichever of its CloudApis they came through.",
    ).exactOptional(),
    conditions: conditions(
      "Ready (the cloud answered and took our credentials), Default (batches that name no cloud go here), Reconciling (it is being probed) and Stalled (it needs a person).",
    ).exactOptional(),
  })
  .meta({
    description:
      "What the operator found. Written when something changes, not at each probe. Written by the operator only.",
  });

export const cloudApiRules: readonly CelRule[] = [
  {
    rule: `self.metadata.name.size() <= ${CLOUD_API_NAME_MAX}`,
    message: `metadata.name must have at most ${CLOUD_API_NAME_MAX} characters, because batches name it in a list: choose a shorter one`,
  },
];

export type CloudApiSpec = z.infer<typeof cloudApiSpec>;
export type CloudApiStatus = z.infer<typeof cloudApiStatus>;
