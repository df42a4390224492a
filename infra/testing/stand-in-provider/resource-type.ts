import type { z } from "zod";

import type { Aws } from "./aws.ts";
import type { Properties } from "./values.ts";

/** What AWS has of a resource. */
export interface Found<Inputs> {
  /** Those inputs that AWS tells, as it has them. */
  readonly inputs: { readonly [Name in keyof Inputs]?: Inputs[Name] | undefined };
  /** What AWS has added. */
  readonly outputs: Properties;
}

/** One type of resource: direct calls of the AWS SDK for making, reading, changing and deleting it. */
export interface ResourceType<Schema extends z.ZodObject = z.ZodObject> {
  /** As in `@pulumi/aws`: `aws:iot/policy:Policy`. */
  readonly token: string;
  /** All inputs that are taken, by the names of `@pulumi/aws`; any other is refused. */
  readonly inputs: Schema;
  /** The input that is made up from the resource's name where the program gives none. */
  readonly autoNamed?: string;
  /** Inputs of which another value needs another resource. */
  readonly replacedBy: readonly string[];
  /** Whether the old one has to go before the new one can be made. */
  readonly deleteFirst?: boolean;
  /** The names of what AWS adds. */
  readonly computed: readonly string[];
  /** @returns the ID */
  create(aws: Aws, inputs: z.infer<Schema>): Promise<string>;
  /** Undefined when it is not there. */
  read(aws: Aws, id: string, inputs: z.infer<Schema>): Promise<Found<z.infer<Schema>> | undefined>;
  /** Without it, every input that is not in `replacedBy` is one that cannot be changed. */
  update?(aws: Aws, id: string, change: Change<z.infer<Schema>>): Promise<void>;
  /** To delete what is not there is a success. */
  delete(aws: Aws, id: string, inputs: z.infer<Schema>, outputs: Properties): Promise<void>;
}

export interface Change<Inputs> {
  readonly olds: Inputs;
  readonly news: Inputs;
  readonly outputs: Properties;
}

/** A type of resource whose inputs are checked at its door. */
export interface CheckedType extends Omit<ResourceType, "create" | "read" | "update" | "delete"> {
  create(aws: Aws, inputs: Properties): Promise<string>;
  read(aws: Aws, id: string, inputs: Properties): Promise<Found<Properties> | undefined>;
  update(aws: Aws, id: string, change: Change<Properties>): Promise<void>;
  delete(aws: Aws, id: string, inputs: Properties, outputs: Properties): Promise<void>;
}

/** Puts the check of the inputs before each call. */
export function resourceType<Schema extends z.ZodObject>(type: ResourceType<Schema>): CheckedType {
  const read = (properties: Properties): z.infer<Schema> => type.inputs.parse(properties);
  return {
    ...type,
    create: async (aws, inputs) => await type.create(aws, read(inputs)),
    read: async (aws, id, inputs) => {
      const found = await type.read(aws, id, read(inputs));
      return found && { inputs: found.inputs as Properties, outputs: found.outputs };
    },
    async update(aws, id, { olds, news, outputs }) {
      if (type.update === undefined) throw new Error(`${type.token} cannot be changed, only replaced`);
      await type.update(aws, id, { olds: read(olds), news: read(news), outputs });
    },
    delete: async (aws, id, inputs, outputs) => await type.delete(aws, id, read(inputs), outputs),
  };
}
