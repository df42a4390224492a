import { DEVICE_NAME } from "../../interop/registries/azure-iot-hub/names.ts";
import { deviceNames, NameTemplateError } from "../../interop/registries/names.ts";
import { JwksFault, trustedJwks } from "./jwks.ts";
import { type Setting, typed } from "./kinds.ts";
import { type Settings, SETTINGS } from "./settings.ts";

/** As far as the configuration is read: Pulumi's `Config`. */
export interface ConfigSource {
  get(key: string): string | undefined;
}

/** All that is wrong with the configuration, said at once. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    const many = faults.length === 1 ? "a fault" : `${faults.length} faults`;
    super(
      `The configuration has ${many} (pulumi config set KEY VALUE; docs/product-clouds.md):\n` +
        faults.map((fault) => `  - ${fault}`).join("\n"),
    );
    this.faults = faults;
  }
}

/** What AWS takes as the name of a thing (CreateThing). The registry that says the same would load AWS's SDK. */
const THING_NAME = /^[a-zA-Z0-9:_-]{1,128}$/;

/** What each template makes, and what its registry takes as a name. */
const NAMES = { awsThingNameTemplate: THING_NAME, azureDeviceNameTemplate: DEVICE_NAME } as const;

/**
 * Reads the configuration of the program.
 * @param keys the names of all keys that are set, without the project's; one that nobody knows is a fault
 * @throws ConfigError with every fault
 */
export function readSettings(source: ConfigSource, keys: readonly string[] = []): Settings {
  const faults = keys
    .filter((key) => !(key in SETTINGS))
    .map((key) => `${key}: there is no such key${nearest(key)}`);
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const raw = source.get(key);
    const value = raw === undefined ? setting.default : typed(setting.type, raw);
    const result = setting.schema.safeParse(value);
    if (result.success) values[key] = result.data;
    else faults.push(...result.error.issues.map((issue) => `${key}: ${place(issue.path)}${issue.message}`));
  }
  const broken = new Set(faults.map((fault) => fault.slice(0, fault.indexOf(":"))));
  const settings = values as Settings;
  faults.push(...faultsTogether(settings, broken));
  if (broken.has("jwks")) throw new ConfigError(faults);
  const jwks = readJwks(settings.jwks, faults);
  if (faults.length > 0) throw new ConfigError(faults);
  return { ...settings, jwks };
}

function place(path: readonly PropertyKey[]): string {
  return path.length === 0 ? "" : `entry ${path.map((part) => Number(part) + 1).join(".")} `;
}

function readJwks(text: string, faults: string[]): string {
  if (text === "") {
    faults.push(
      "jwks: is not set. Set it to the account's public keys: " +
        `pulumi config set jwks "$(kubectl get configmap certferry-jwks -n NAMESPACE -o jsonpath='{.data.jwks\\.json}')"`,
    );
    return "";
  }
  try {
    return trustedJwks(text);
  } catch (error) {
    if (!(error instanceof JwksFault)) throw error;
    faults.push(`jwks: ${error.message}`);
    return "";
  }
}

/** What each key allows and all together do not. Keys that are broken by themselves are passed over. */
function faultsTogether(settings: Settings, broken: ReadonlySet<string>): string[] {
  const faults: string[] = [];
  const whole = (...keys: (keyof Settings)[]): boolean => keys.every((key) => !broken.has(key));
  if (whole("namespace") && settings.namespace === "") {
    faults.push(
      "namespace: is not set. Set it to the Kubernetes namespace of the account: pulumi config set namespace NAME",
    );
  }
  if (
    whole("clouds", "defaultCloud") &&
    settings.defaultCloud !== "none" &&
    !settings.clouds.includes(settings.defaultCloud)
  ) {
    faults.push(
      `defaultCloud: is ${settings.defaultCloud}, which is not among clouds (${settings.clouds.join(", ")})`,
    );
  }
  for (const [key, allowed] of Object.entries(NAMES) as [keyof typeof NAMES, RegExp][]) {
    if (!whole(key)) continue;
    try {
      deviceNames(settings[key], allowed);
    } catch (error) {
      if (!(error instanceof NameTemplateError)) throw error;
      faults.push(`${key}: ${error.message}`);
    }
  }
  if (whole("azureIotHub", "azureIotHubName", "azureIotHubResourceGroup")) {
    const { azureIotHub, azureIotHubName: hub, azureIotHubResourceGroup: group } = settings;
    if (azureIotHub === "use" && (hub === "" || group === "")) {
      faults.push("azureIotHub: is use, so azureIotHubName and azureIotHubResourceGroup must say which");
    } else if (azureIotHub === "create" && hub + group !== "") {
      faults.push(
        "azureIotHub: is create, so azureIotHubName and azureIotHubResourceGroup have no meaning: set it to use, or take them out",
      );
    }
  }
  if (whole("azureTwins", "azureIotHub", "azureIotHubSku") && settings.azureTwins) {
    const { azureIotHub, azureIotHubSku: sku } = settings;
    if (azureIotHub === "create" && sku.startsWith("B")) {
      faults.push(`azureTwins: a basic tier (azureIotHubSku ${sku}) has no twins: take S1, S2 or S3`);
    }
  }
  return faults;
}

/** A hint at the key that was meant: one of the same letters, or one that differs in a letter. */
function nearest(key: string): string {
  const letters = (text: string): string => text.toLowerCase().split("").sort().join("");
  const found = Object.keys(SETTINGS).find(
    (known) => letters(known) === letters(key) || differences(known, key) <= 1,
  );
  return found === undefined ? "" : `; did you mean ${found}?`;
}

/** How many letters are wrong, missing or too many: 0, 1, or 2 for more. */
function differences(one: string, other: string): number {
  const [long, short] = one.length >= other.length ? [one, other] : [other, one];
  if (one === other) return 0;
  if (long.length - short.length > 1) return 2;
  let index = 0;
  while (index < short.length && long[index] === short[index]) index += 1;
  const rest = long.length === short.length ? short.slice(index + 1) : short.slice(index);
  return long.slice(index + 1) === rest ? 1 : 2;
}
