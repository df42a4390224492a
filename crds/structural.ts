import { z } from "zod";

/** A node of a structural schema, as a CustomResourceDefinition takes it. */
export interface SchemaNode {
  type?: string;
  description?: string;
  properties?: Record<string, SchemaNode>;
  required?: string[];
  items?: SchemaNode;
  additionalProperties?: SchemaNode;
  [keyword: string]: unknown;
}

/** Keywords in the order in which a reader wants them. */
const ORDER = [
  "description",
  "type",
  "format",
  "enum",
  "default",
  "pattern",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-validations",
  "required",
  "properties",
  "items",
  "additionalProperties",
];

/**
 * The structural schema of a zod schema: what people write (defaulted fields may be left out), every node
 * with its keywords in a fixed order.
 * @throws Error that names the node when a keyword comes out that a structural schema must not have
 */
export function structural(schema: z.ZodType, path: string): SchemaNode {
  const json: unknown = z.toJSONSchema(schema, { target: "openapi-3.0", io: "input", reused: "inline" });
  return arrange(json, path);
}

function arrange(value: unknown, path: string): SchemaNode {
  const source = record(value, path);
  const unknown = Object.keys(source).filter((keyword) => !ORDER.includes(keyword));
  if (unknown.length > 0) {
    throw new Error(
      `${path}: ${unknown.join(", ")} cannot stand in a structural schema; say it otherwise in crds/schema, or add the keyword to crds/structural.ts`,
    );
  }
  const node: SchemaNode = {};
  for (const keyword of ORDER) {
    const content = source[keyword];
    if (content === undefined || isNoLimit(content)) continue;
    node[keyword] = arrangeKeyword(keyword, content, path);
  }
  return node;
}

function arrangeKeyword(keyword: string, content: unknown, path: string): unknown {
  switch (keyword) {
    case "properties":
      return Object.fromEntries(
        Object.entries(record(content, path)).map(([name, child]) => [
          name,
          arrange(child, `${path}.${name}`),
        ]),
      );
    case "items":
    case "additionalProperties":
      return arrange(content, `${path}[]`);
    case "pattern":
      // JavaScript escapes the slash in a pattern's source; elsewhere it is a plain character.
      return String(content).replaceAll("\\/", "/");
    default:
      return content;
  }
}

/** zod bounds every integer by what a double can hold, which says nothing about the field. */
function isNoLimit(content: unknown): boolean {
  return content === Number.MAX_SAFE_INTEGER || content === Number.MIN_SAFE_INTEGER;
}

function record(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`${path}: expected a schema object`);
  }
  return Object.fromEntries(Object.entries(value));
}
