import { at, type Props, type Rule } from "./rule.ts";

const isOn = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== "" && value !== false;

/** What keeps data, and how one sees that it keeps it encrypted. */
const ENCRYPTED: Readonly<Record<string, { readonly is: (props: Props) => boolean; readonly how: string }>> =
  {
    "azure-native:storage:StorageAccount": {
      is: (props) => {
        const { keySource, requireInfrastructureEncryption } = at(props, "encryption");
        const blob = at(props, "encryption", "services", "blob");
        return isOn(keySource) && requireInfrastructureEncryption === true && blob["enabled"] === true;
      },
      how: "set encryption with keySource, services.blob.enabled and requireInfrastructureEncryption",
    },
    "aws:apigateway/methodSettings:MethodSettings": {
      is: (props) => {
        const { cachingEnabled, cacheDataEncrypted } = at(props, "settings");
        return cachingEnabled !== true || cacheDataEncrypted === true;
      },
      how: "set settings.cacheDataEncrypted where answers are cached",
    },
    "aws:dynamodb/table:Table": {
      is: (props) => at(props, "serverSideEncryption")["enabled"] === true,
      how: "set serverSideEncryption.enabled",
    },
    "aws:ebs/volume:Volume": { is: (props) => props["encrypted"] === true, how: "set encrypted" },
    "aws:efs/fileSystem:FileSystem": { is: (props) => props["encrypted"] === true, how: "set encrypted" },
    "aws:kinesis/stream:Stream": {
      is: (props) => props["encryptionType"] === "KMS",
      how: "set encryptionType to KMS",
    },
    "aws:rds/instance:Instance": {
      is: (props) => props["storageEncrypted"] === true,
      how: "set storageEncrypted",
    },
    "aws:sns/topic:Topic": { is: (props) => isOn(props["kmsMasterKeyId"]), how: "set kmsMasterKeyId" },
    "aws:sqs/queue:Queue": {
      is: (props) => props["sqsManagedSseEnabled"] === true || isOn(props["kmsMasterKeyId"]),
      how: "set sqsManagedSseEnabled or kmsMasterKeyId",
    },
  };

export const encryptionAtRest: Rule = {
  name: "encryption-at-rest",
  description: "What keeps data keeps it encrypted, and says so.",
  check: (type, props) => {
    const kept = ENCRYPTED[type];
    return kept === undefined || kept.is(props) ? [] : [`keeps data without encryption: ${kept.how}`];
  },
};

const RETAINED = new Set([
  "aws:cloudwatch/logGroup:LogGroup",
  "azure-native:operationalinsights:Workspace",
  "azure-native:applicationinsights:Component",
]);

export const logRetention: Rule = {
  name: "log-retention",
  description: "Logs are kept for a time that somebody has chosen.",
  check: (type, props) => {
    if (RETAINED.has(type)) {
      const days = props["retentionInDays"];
      return typeof days === "number" && days > 0 ? [] : ["keeps logs for ever: set retentionInDays"];
    }
    if (type === "aws:lambda/function:Function" && !isOn(at(props, "loggingConfig")["logGroup"])) {
      return [
        "writes into a log group that AWS makes and keeps for ever: name one in loggingConfig.logGroup",
      ];
    }
    return [];
  },
};
