import {
  CreateLogGroupCommand,
  DeleteLogGroupCommand,
  DeleteRetentionPolicyCommand,
  DescribeLogGroupsCommand,
  ListTagsForResourceCommand,
  PutRetentionPolicyCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { z } from "zod";

import { deadline, given, unlessMissing } from "../aws.ts";
import type { Aws } from "../aws.ts";
import { resourceType } from "../resource-type.ts";
import { tagChange, tags } from "../tags.ts";
import { textOf } from "../values.ts";

const MISSING = "ResourceNotFoundException";

export const logGroup = resourceType({
  token: "aws:cloudwatch/logGroup:LogGroup",
  inputs: z.strictObject({
    name: z.string(),
    retentionInDays: z.number().optional(),
    region: z.string().optional(),
    tags,
  }),
  autoNamed: "name",
  replacedBy: ["name", "region"],
  computed: ["arn", "tagsAll"],
  async create(aws, { name, retentionInDays, tags: wanted }) {
    await aws.logs.send(new CreateLogGroupCommand({ logGroupName: name, tags: wanted }), deadline());
    await keepFor(aws, name, retentionInDays);
    return name;
  },
  async read({ logs }, id) {
    const answer = await logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: id }), deadline());
    const found = answer.logGroups?.find(({ logGroupName }) => logGroupName === id);
    if (found === undefined) return undefined;
    const arn = given(found.arn, "a log group's ARN").replace(/:\*$/, "");
    const tagged =
      (await logs.send(new ListTagsForResourceCommand({ resourceArn: arn }), deadline())).tags ?? {};
    const some = Object.keys(tagged).length > 0;
    return {
      inputs: { name: id, retentionInDays: found.retentionInDays, tags: some ? tagged : undefined },
      outputs: { arn, tagsAll: tagged },
    };
  },
  async update(aws, id, { olds, news, outputs }) {
    if (olds.retentionInDays !== news.retentionInDays) await keepFor(aws, id, news.retentionInDays);
    const change = tagChange(olds.tags, news.tags);
    const resourceArn = textOf(outputs, "arn");
    if (Object.keys(change.set).length > 0)
      await aws.logs.send(new TagResourceCommand({ resourceArn, tags: change.set }), deadline());
    if (change.remove.length > 0)
      await aws.logs.send(new UntagResourceCommand({ resourceArn, tagKeys: change.remove }), deadline());
  },
  async delete({ logs }, logGroupName) {
    await unlessMissing(logs.send(new DeleteLogGroupCommand({ logGroupName }), deadline()), MISSING);
  },
});

async function keepFor({ logs }: Aws, logGroupName: string, days: number | undefined): Promise<void> {
  if (days === undefined) await logs.send(new DeleteRetentionPolicyCommand({ logGroupName }), deadline());
  else await logs.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: days }), deadline());
}
