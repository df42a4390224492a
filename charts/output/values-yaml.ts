import { Document, isMap, isScalar, type Node, type YAMLMap } from "yaml";
import { z } from "zod";
import { readValues, valuesSchema } from "../values/schema.ts";

interface JsonSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
}

const WIDTH = 108;

/** `values.schema.json`: what Helm holds values against before it installs anything. */
export function valuesSchemaJson(): string {
  const schema = z.toJSONSchema(valuesSchema, { io: "input", target: "draft-7" });
  // A chart above this one hands its `global` to all charts below.
  const properties = { ...schema.properties, global: { type: "object" } };
  return `${JSON.stringify({ ...schema, properties }, null, 2)}\n`;
}

/** `values.yaml`: every value with its default, and what it is for. */
export function valuesYaml(): string {
  const schema = z.toJSONSchema(valuesSchema, { io: "input", target: "draft-7" }) as JsonSchema;
  const document = new Document(readValues(), { aliasDuplicateObjects: false });
  if (isMap(document.contents)) comment(document.contents, schema, 0);
  const head =
    "# What can be chosen when Certferry is installed. Generated from charts/values/schema.ts.\n\n";
  return head + document.toString({ lineWidth: 0 });
}

function comment(map: YAMLMap, schema: JsonSchema, depth: number): void {
  for (const [index, { key, value }] of map.items.entries()) {
    if (!isScalar(key)) continue;
    const inner = schema.properties?.[String(key.value)];
    if (inner?.description !== undefined) key.commentBefore = wrapped(inner.description, WIDTH - 2 * depth);
    if (depth === 0 && index > 0) key.spaceBefore = true;
    if (inner?.properties !== undefined && isMap(value as Node)) comment(value as YAMLMap, inner, depth + 1);
  }
}

function wrapped(text: string, width: number): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line.length + word.length + 3 > width) lines.push(` ${word}`);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.join("\n");
}
