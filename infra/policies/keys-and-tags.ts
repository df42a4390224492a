import { at, isProps, type Props, type Rule } from "./rule.ts";

/** What gives a key away, in whatever setting it stands. */
const KEY_IN_TEXT = /AccountKey=|SharedAccessKey=|SharedAccessSignature/i;

function settingsOf(props: Props): Props[] {
  const { appSettings } = at(props, "siteConfig");
  return Array.isArray(appSettings) ? (appSettings as unknown[]).filter(isProps) : [];
}

const CHECKS: Readonly<Record<string, (props: Props) => string[]>> = {
  "azure-native:storage:StorageAccount": (props) => [
    ...(props["allowSharedKeyAccess"] === false
      ? []
      : ["takes shared keys: set allowSharedKeyAccess to false"]),
    ...(props["allowBlobPublicAccess"] === false
      ? []
      : ["may show blobs to everybody: set allowBlobPublicAccess to false"]),
  ],
  "azure-native:storage:BlobContainer": (props) =>
    props["publicAccess"] === undefined || props["publicAccess"] === "None"
      ? []
      : ["shows its blobs to everybody: set publicAccess to None"],
  "azure-native:iothub:IotHubResource": (props) =>
    at(props, "properties")["disableDeviceSAS"] === true
      ? []
      : ["lets devices in with shared keys: set properties.disableDeviceSAS"],
  "azure-native:web:WebApp": (props) => [
    ...settingsOf(props)
      .filter(({ value }) => typeof value === "string" && KEY_IN_TEXT.test(value))
      .map(({ name }) => `has a key in its setting ${String(name)}: use the identity and a role`),
    ...(at(props, "siteConfig")["connectionStrings"] === undefined
      ? []
      : ["has connection strings: use the identity and a role"]),
  ],
};

export const noSharedKeys: Rule = {
  name: "no-shared-keys",
  description: "Services and devices are known by who they are, not by a key that several hold.",
  check: (type, props) => CHECKS[type]?.(props) ?? [],
};

/** The tags by which one finds who made a resource, and in which stack. */
export const TAGS = ["managed-by", "certferry-stack"];

/** What the clouds take no tags for. A kind that is missing here is taken for one that can have them. */
const WITHOUT_TAGS = new Set([
  "aws:apigateway/account:Account",
  "aws:apigateway/deployment:Deployment",
  "aws:apigateway/integration:Integration",
  "aws:apigateway/method:Method",
  "aws:apigateway/methodSettings:MethodSettings",
  "aws:apigateway/resource:Resource",
  "aws:iam/rolePolicy:RolePolicy",
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
  "aws:lambda/permission:Permission",
  "azure-native:authorization:RoleAssignment",
  "azure-native:storage:Blob",
  "azure-native:storage:BlobContainer",
]);

export const tagged: Rule = {
  name: "tags",
  description: `Everything that can have tags has ${TAGS.join(" and ")}.`,
  check: (type, props) => {
    if (!/^(aws|azure-native):/.test(type) || WITHOUT_TAGS.has(type)) return [];
    const tags = at(props, "tags");
    const missing = TAGS.filter((tag) => typeof tags[tag] !== "string" || tags[tag] === "");
    return missing.length === 0 ? [] : [`lacks the tags ${missing.join(", ")}: pass tags on to it`];
  },
};
