import {
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  CreateThingTypeCommand,
  DeletePolicyCommand,
  DeletePolicyVersionCommand,
  DeleteThingTypeCommand,
  DeprecateThingTypeCommand,
  DescribeThingTypeCommand,
  GetPolicyCommand,
  ListPolicyVersionsCommand,
  ListTagsForResourceCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from "@aws-sdk/client-iot";
import { z } from "zod";

import { deadline, given, unlessMissing } from "../aws.ts";
import type { Aws } from "../aws.ts";
import { resourceType } from "../resource-type.ts";
import { tagChange, tagList, tagRecord, tags } from "../tags.ts";
import { sameDocument, textOf } from "../values.ts";

const MISSING = "ResourceNotFoundException";
/** AWS keeps as many versions of a policy (docs.aws.amazon.com/general/latest/gr/iot-core.html). */
const MOST_VERSIONS = 5;

export const policy = resourceType({
  token: "aws:iot/policy:Policy",
  inputs: z.strictObject({
    name: z.string(),
    policy: z.string(),
    region: z.string().optional(),
    tags,
  }),
  autoNamed: "name",
  replacedBy: ["name", "region"],
  computed: ["arn", "defaultVersionId", "tagsAll"],
  async create({ iot }, { name, policy: document, tags: wanted }) {
    await iot.send(
      new CreatePolicyCommand({ policyName: name, policyDocument: document, tags: tagList(wanted) }),
      deadline(),
    );
    return name;
  },
  async read(aws, id, { policy: mine }) {
    const found = await unlessMissing(
      aws.iot.send(new GetPolicyCommand({ policyName: id }), deadline()),
      MISSING,
    );
    if (found === undefined) return undefined;
    const arn = given(found.policyArn, "a policy's ARN");
    const tagged = await tagsOf(aws, arn);
    return {
      inputs: { name: id, policy: sameDocument(mine, found.policyDocument), tags: tagged },
      outputs: { arn, defaultVersionId: found.defaultVersionId ?? null, tagsAll: tagged ?? {} },
    };
  },
  async update(aws, id, { olds, news, outputs }) {
    if (olds.policy !== news.policy) {
      const versions = await otherVersions(aws, id);
      // The oldest makes room.
      const [oldest] = versions.length + 1 >= MOST_VERSIONS ? versions : [];
      if (oldest !== undefined) await deleteVersion(aws, id, oldest);
      await aws.iot.send(
        new CreatePolicyVersionCommand({ policyName: id, policyDocument: news.policy, setAsDefault: true }),
        deadline(),
      );
    }
    await retag(aws, textOf(outputs, "arn"), tagChange(olds.tags, news.tags));
  },
  async delete(aws, id) {
    const versions = await unlessMissing(otherVersions(aws, id), MISSING);
    for (const version of versions ?? []) await deleteVersion(aws, id, version);
    await unlessMissing(aws.iot.send(new DeletePolicyCommand({ policyName: id }), deadline()), MISSING);
  },
});

/** The versions that are not the default one, oldest first. */
async function otherVersions({ iot }: Aws, policyName: string): Promise<string[]> {
  const { policyVersions = [] } = await iot.send(new ListPolicyVersionsCommand({ policyName }), deadline());
  return policyVersions
    .filter((version) => version.isDefaultVersion !== true)
    .map((version) => given(version.versionId, "the versions of a policy"))
    .sort((one, other) => Number(one) - Number(other));
}

async function deleteVersion({ iot }: Aws, policyName: string, policyVersionId: string): Promise<void> {
  await iot.send(new DeletePolicyVersionCommand({ policyName, policyVersionId }), deadline());
}

export const thingType = resourceType({
  token: "aws:iot/thingType:ThingType",
  inputs: z.strictObject({
    name: z.string(),
    properties: z
      .strictObject({
        description: z.string().optional(),
        searchableAttributes: z.array(z.string()).optional(),
      })
      .optional(),
    region: z.string().optional(),
    tags,
  }),
  autoNamed: "name",
  replacedBy: ["name", "properties", "region"],
  computed: ["arn", "tagsAll"],
  async create({ iot }, { name, properties, tags: wanted }) {
    await iot.send(
      new CreateThingTypeCommand({
        thingTypeName: name,
        thingTypeProperties: {
          thingTypeDescription: properties?.description,
          searchableAttributes: properties?.searchableAttributes,
        },
        tags: tagList(wanted),
      }),
      deadline(),
    );
    return name;
  },
  async read(aws, id, inputs) {
    const found = await unlessMissing(
      aws.iot.send(new DescribeThingTypeCommand({ thingTypeName: id }), deadline()),
      MISSING,
    );
    if (found === undefined) return undefined;
    const arn = given(found.thingTypeArn, "a thing type's ARN");
    const tagged = await tagsOf(aws, arn);
    const description = found.thingTypeProperties?.thingTypeDescription;
    return {
      inputs: {
        name: id,
        tags: tagged,
        ...(inputs.properties && { properties: { ...inputs.properties, description } }),
      },
      outputs: { arn, tagsAll: tagged ?? {} },
    };
  },
  async update(aws, _id, { olds, news, outputs }) {
    await retag(aws, textOf(outputs, "arn"), tagChange(olds.tags, news.tags));
  },
  async delete({ iot }, thingTypeName) {
    // AWS wants it deprecated for five minutes before; the emulator for no time.
    await unlessMissing(iot.send(new DeprecateThingTypeCommand({ thingTypeName }), deadline()), MISSING);
    await unlessMissing(iot.send(new DeleteThingTypeCommand({ thingTypeName }), deadline()), MISSING);
  },
});

async function tagsOf({ iot }: Aws, resourceArn: string): Promise<Record<string, string> | undefined> {
  const answer = await iot.send(new ListTagsForResourceCommand({ resourceArn }), deadline());
  return tagRecord(answer.tags);
}

async function retag({ iot }: Aws, resourceArn: string, change: ReturnType<typeof tagChange>): Promise<void> {
  if (Object.keys(change.set).length > 0)
    await iot.send(new TagResourceCommand({ resourceArn, tags: tagList(change.set) }), deadline());
  if (change.remove.length > 0)
    await iot.send(new UntagResourceCommand({ resourceArn, tagKeys: change.remove }), deadline());
}
