import type { CloudForm } from "../../actions/cloud-form.ts";
import type { CloudRow } from "../../views/wire.ts";

/** The form as it is typed: every field is there, whatever the type. */
export interface Typed {
  readonly name: string;
  readonly displayName: string;
  readonly type: "AWS" | "Azure" | "Other";
  readonly accountId: string;
  readonly apiGatewayId: string;
  readonly region: string;
  readonly stage: string;
  readonly endpoint: string;
  readonly interopUrl: string;
  readonly subscriptionId: string;
  readonly url: string;
  readonly cloud: "AWS" | "Azure" | "Private";
  readonly username: string;
  readonly password: string;
  readonly caBundle: string;
}

/** What the dialog begins with: an empty form, or a CloudApi as it is. */
export function typedOf(cloud: CloudRow | undefined): Typed {
  const { aws, azure, caBundle, displayName, other, type } = cloud?.spec ?? { type: "AWS" as const };
  return {
    name: cloud?.name ?? "",
    displayName: displayName ?? "",
    type,
    accountId: aws?.accountId ?? "",
    apiGatewayId: aws?.apiGatewayId ?? "",
    region: aws?.region ?? "",
    stage: aws?.stage ?? "Prod",
    endpoint: aws?.endpoint ?? "",
    interopUrl: azure?.interopUrl ?? "",
    subscriptionId: azure?.subscriptionId ?? "",
    url: other?.url ?? "",
    cloud: other?.cloud ?? "Private",
    username: "",
    password: "",
    caBundle: caBundle ?? "",
  };
}

/** What is sent: the block of the chosen type alone. */
export function formOf(typed: Typed): CloudForm {
  const { accountId, apiGatewayId, caBundle, cloud, displayName, endpoint, name, region, stage, type } =
    typed;
  const { interopUrl, password, subscriptionId, url, username } = typed;
  const aws = { accountId, apiGatewayId, region, stage, ...(endpoint === "" ? {} : { endpoint }) };
  return {
    name,
    type,
    displayName,
    ...(type === "AWS" ? { aws } : {}),
    ...(type === "Azure" ? { azure: { interopUrl, subscriptionId } } : {}),
    ...(type === "Other" ? { other: { url, cloud } } : {}),
    ...(type === "Other" && username !== "" ? { credentials: { username, password } } : {}),
    ...(caBundle.trim() === "" ? {} : { caBundle }),
  };
}

/** `AWS Europe` → `aws-europe`: a name for the object that people need not think of. */
export function nameOf(displayName: string): string {
  return displayName
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/gu, "-")
    .replaceAll(/^-+|-+$/gu, "")
    .slice(0, 63)
    .replace(/-+$/u, "");
}

/** Which field of the form a path in the API server's answer means. */
export function fieldOf(path: string): keyof Typed | undefined {
  const last = path.split(".").at(-1) ?? "";
  if (path === "name" || path === "metadata.name") return "name";
  if (path.startsWith("credentials")) return "username";
  const known = {
    accountId: "accountId",
    apiGatewayId: "apiGatewayId",
    region: "region",
    stage: "stage",
    endpoint: "endpoint",
    interopUrl: "interopUrl",
    subscriptionId: "subscriptionId",
    url: "url",
    displayName: "displayName",
    caBundle: "caBundle",
  } as const;
  return last in known ? known[last as keyof typeof known] : undefined;
}
