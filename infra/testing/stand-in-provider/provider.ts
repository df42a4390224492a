import { randomBytes } from "node:crypto";

import { Aws } from "./aws.ts";
import { callFunction, typeOf } from "./registry.ts";
import type { CheckedType } from "./resource-type.ts";
import { UNKNOWN, changed, holdsUnknown } from "./values.ts";
import type { Properties } from "./values.ts";

export interface Failure {
  readonly property: string;
  readonly reason: string;
}

/** What a resource is and what it is called, of its URN. */
export interface Of {
  /** As `aws:iot/policy:Policy`. */
  readonly type: string;
  readonly name: string;
}

export interface Made {
  readonly id: string;
  readonly state: Properties;
}

/** Settings of the provider itself that do not change what is made. */
const HARMLESS_SETTINGS = new Set(["region", "version", "skipCredentialsValidation", "skipRegionValidation"]);

/** What the AWS provider does, for the few types that are known here, by calling AWS directly. */
export class StandInProvider {
  readonly #byRegion = new Map<string, Aws>();
  #region: string | undefined;

  /** @throws Error on a setting that the stand-in would have to heed, and does not */
  configure(settings: Properties): void {
    const unknown = Object.keys(settings).filter((name) => !HARMLESS_SETTINGS.has(name));
    if (unknown.length > 0)
      throw new Error(
        `the provider that stands in for AWS's in tests does not know the settings ${unknown.join(", ")}`,
      );
    const { region } = settings;
    this.#region = typeof region === "string" && region !== "" ? region : undefined;
  }

  /** The inputs with a name made up where one is needed, and what is wrong with them. */
  check(
    { type: token, name }: Of,
    olds: Properties,
    news: Properties,
  ): { inputs: Properties; failures: Failure[] } {
    const type = typeOf(token);
    const inputs = { ...news };
    if (type.autoNamed !== undefined && inputs[type.autoNamed] === undefined) {
      const old = olds[type.autoNamed];
      inputs[type.autoNamed] = old ?? `${name}-${randomBytes(4).toString("hex").slice(0, 7)}`;
    }
    return { inputs, failures: failures(type, inputs) };
  }

  /** Which inputs differ, and which of these need a new resource. */
  diff({ type: token }: Of, olds: Properties, news: Properties) {
    const type = typeOf(token);
    const diffs = changed(olds, news);
    return {
      diffs,
      replaces: diffs.filter((name) => type.replacedBy.includes(name)),
      deleteFirst: type.deleteFirst === true,
    };
  }

  /** Makes it; in a preview it only says what is not known yet. */
  async create({ type: token }: Of, inputs: Properties, preview: boolean): Promise<Made> {
    const type = typeOf(token);
    if (preview) {
      const computed = Object.fromEntries(type.computed.map((name) => [name, UNKNOWN]));
      return { id: "", state: { ...inputs, ...computed } };
    }
    const aws = this.#aws(inputs);
    const id = await type.create(aws, inputs);
    return { id, state: await stateOf(type, aws, id, inputs) };
  }

  /** Undefined when it is not there any more. */
  async read({ type: token }: Of, id: string, inputs: Properties) {
    const type = typeOf(token);
    const found = await type.read(this.#aws(inputs), id, inputs);
    if (found === undefined) return undefined;
    // What AWS no longer has is no input any more.
    const now = { ...inputs, ...found.inputs };
    const refreshed: Properties = {};
    for (const [name, value] of Object.entries(now)) if (value !== undefined) refreshed[name] = value;
    return { inputs: refreshed, state: { ...refreshed, ...found.outputs } };
  }

  async update(
    { type: token }: Of,
    id: string,
    change: { olds: Properties; news: Properties; outputs: Properties },
    preview: boolean,
  ): Promise<Properties> {
    const type = typeOf(token);
    if (preview) return { ...change.outputs, ...change.news };
    const aws = this.#aws(change.news);
    await type.update(aws, id, change);
    return await stateOf(type, aws, id, change.news);
  }

  async delete({ type: token }: Of, id: string, inputs: Properties, outputs: Properties): Promise<void> {
    await typeOf(token).delete(this.#aws(inputs), id, inputs, outputs);
  }

  async invoke(token: string, args: Properties): Promise<Properties> {
    return await callFunction(this.#aws(args), token, args);
  }

  /** In the resource's own region, else the provider's, else the environment's. */
  #aws({ region: own }: Properties): Aws {
    const region = typeof own === "string" ? own : (this.#region ?? process.env["AWS_REGION"]);
    if (region === undefined)
      throw new Error("no region is set: pulumi config set aws:region, or AWS_REGION");
    const there = this.#byRegion.get(region) ?? new Aws(region);
    this.#byRegion.set(region, there);
    return there;
  }
}

async function stateOf(type: CheckedType, aws: Aws, id: string, inputs: Properties): Promise<Properties> {
  const found = await type.read(aws, id, inputs);
  if (found === undefined)
    throw new Error(`${type.token} ${id} is not there right after it was made or changed`);
  return { ...inputs, ...found.outputs };
}

function failures(type: CheckedType, inputs: Properties): Failure[] {
  const unknown = Object.keys(inputs).filter((name) => !(name in type.inputs.shape));
  if (unknown.length > 0) {
    const reason = `${type.token} has no such property in the provider that stands in for AWS's in tests`;
    return unknown.map((property) => ({ property, reason }));
  }
  // What a preview does not know yet is checked when it is known.
  if (holdsUnknown(inputs)) return [];
  const { error } = type.inputs.safeParse(inputs);
  return (error?.issues ?? []).map(({ path, message }) => ({ property: path.join("."), reason: message }));
}
