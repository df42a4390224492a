import { freshJwks } from "../dry-run/keys.ts";
import { dryRun, type RecordedResource } from "../dry-run/record.ts";
import { draw, type Picture } from "./draw.ts";

/** The pictures of the docs, drawn from what the components really ask for: path from the top, and SVG. */
export async function pictures(): Promise<[path: string, svg: string][]> {
  const { resources } = await dryRun(async () => {
    const { asset } = await import("@pulumi/pulumi");
    const { AwsProductCloud } = await import("../aws/product-cloud.ts");
    const { AzureProductCloud } = await import("../azure/product-cloud.ts");
    const jwks = freshJwks();
    return [
      new AwsProductCloud("aws", { jwks, code: new asset.AssetArchive({}) }),
      new AzureProductCloud("azure", {
        jwks,
        twins: true,
        package: { content: new Uint8Array(), hash: "" },
      }),
    ].length;
  });
  return [
    ["docs/images/product-cloud-aws.svg", draw(picture("AWS", "certferry:aws:ProductCloud", resources))],
    [
      "docs/images/product-cloud-azure.svg",
      draw(picture("Azure", "certferry:azure:ProductCloud", resources)),
    ],
  ];
}

/** One component with its resources, named as the cloud names their kinds. */
export function picture(title: string, component: string, resources: readonly RecordedResource[]): Picture {
  const root = resources.find(({ type }) => type === component);
  const members = resources.filter(({ custom, parent }) => custom && parent === root?.urn);
  const known = new Set(members.map(({ urn }) => urn));
  return {
    title: `What ${component} makes in ${title}`,
    nodes: members.map(({ urn, type, name, protect, dependencies }) => ({
      id: urn,
      label: type.split(":").at(-1) ?? type,
      detail: name.includes("-") ? name.slice(name.indexOf("-") + 1) : "",
      lasting: protect,
      needs: dependencies.filter((dependency) => known.has(dependency)),
    })),
  };
}
