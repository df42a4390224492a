import { at, type Props, type Rule } from "./rule.ts";

const NEW_ENOUGH_AT_AZURE = new Set(["1.2", "1.3", "TLS1_2", "TLS1_3"]);

function oldTls(value: unknown, what: string): string[] {
  return NEW_ENOUGH_AT_AZURE.has(String(value))
    ? []
    : [`takes TLS older than 1.2 ${what}: set it to 1.2 or 1.3`];
}

/** API Gateway's policies: `TLS_1_2`, or by name the oldest that is taken (SecurityPolicy_TLS13_1_2_…). */
function gateway(props: Props): string[] {
  const policy = String(props["securityPolicy"]);
  return policy === "TLS_1_2" || policy.startsWith("SecurityPolicy_TLS13_")
    ? []
    : ["takes TLS 1.0 at its own address: set securityPolicy to one of TLS 1.2 and newer"];
}

const CHECKS: Readonly<Record<string, (props: Props) => string[]>> = {
  "aws:apigateway/restApi:RestApi": (props) =>
    props["disableExecuteApiEndpoint"] === true ? [] : gateway(props),
  "aws:apigateway/domainName:DomainName": gateway,
  "azure-native:storage:StorageAccount": (props) => [
    ...oldTls(props["minimumTlsVersion"], "(minimumTlsVersion)"),
    ...(props["enableHttpsTrafficOnly"] === true ? [] : ["takes plain http: set enableHttpsTrafficOnly"]),
  ],
  "azure-native:web:WebApp": (props) => [
    ...oldTls(at(props, "siteConfig")["minTlsVersion"], "(siteConfig.minTlsVersion)"),
    ...oldTls(at(props, "siteConfig")["scmMinTlsVersion"], "(siteConfig.scmMinTlsVersion)"),
    ...(props["httpsOnly"] === true ? [] : ["takes plain http: set httpsOnly"]),
  ],
  "azure-native:iothub:IotHubResource": (props) =>
    oldTls(at(props, "properties")["minTlsVersion"], "(properties.minTlsVersion)"),
};

export const tls12: Rule = {
  name: "tls-1-2",
  description: "What answers on the network takes TLS 1.2 or newer, and nothing in the clear.",
  check: (type, props) => CHECKS[type]?.(props) ?? [],
};
