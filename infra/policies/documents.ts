import { isProps, type Props } from "./rule.ts";

/** A statement of an IAM or AWS IoT policy, with lists where one alone may stand. */
export interface Statement {
  readonly effect: string;
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly resources: readonly string[];
  readonly notResources: readonly string[];
  readonly condition: Props;
}

export interface Document {
  /** Whose rights it gives: those of a role or user, or those of a device. */
  readonly kind: "iam" | "iot";
  /** Nothing where the text is no policy. */
  readonly statements: readonly Statement[] | undefined;
}

/** Where policies stand in resources: type, and properties that hold one each. */
const HOLDERS: Readonly<Record<string, { readonly kind: Document["kind"]; readonly property: string }>> = {
  "aws:iam/policy:Policy": { kind: "iam", property: "policy" },
  "aws:iam/rolePolicy:RolePolicy": { kind: "iam", property: "policy" },
  "aws:iam/userPolicy:UserPolicy": { kind: "iam", property: "policy" },
  "aws:iam/groupPolicy:GroupPolicy": { kind: "iam", property: "policy" },
  "aws:iot/policy:Policy": { kind: "iot", property: "policy" },
};

/** The policies that a resource gives rights by. */
export function documentsOf(type: string, props: Props): Document[] {
  if (type === "aws:iam/role:Role") {
    const inline: readonly unknown[] = Array.isArray(props["inlinePolicies"]) ? props["inlinePolicies"] : [];
    return inline.map((entry) => document("iam", isProps(entry) ? entry["policy"] : undefined));
  }
  const holder = HOLDERS[type];
  return holder === undefined ? [] : [document(holder.kind, props[holder.property])];
}

function document(kind: Document["kind"], value: unknown): Document {
  const parsed = typeof value === "string" ? parse(value) : value;
  if (!isProps(parsed)) return { kind, statements: undefined };
  const statements = several(parsed["Statement"]);
  if (statements.length === 0 || !statements.every(isProps)) return { kind, statements: undefined };
  return {
    kind,
    statements: statements.map((statement) => ({
      effect: String(statement["Effect"]),
      actions: several(statement["Action"]).map(String),
      notActions: several(statement["NotAction"]).map(String),
      resources: several(statement["Resource"]).map(String),
      notResources: several(statement["NotResource"]).map(String),
      condition: isProps(statement["Condition"]) ? statement["Condition"] : {},
    })),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function several(value: unknown): unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}
