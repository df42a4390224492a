import {
  AttachRolePolicyCommand,
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  ListAttachedRolePoliciesCommand,
  PutRolePolicyCommand,
  TagRoleCommand,
  UntagRoleCommand,
  UpdateAssumeRolePolicyCommand,
  UpdateRoleCommand,
} from "@aws-sdk/client-iam";
import { z } from "zod";

import { deadline, given, unlessMissing } from "../aws.ts";
import { resourceType } from "../resource-type.ts";
import { tagChange, tagList, tagRecord, tags } from "../tags.ts";
import { sameDocument } from "../values.ts";

const MISSING = "NoSuchEntityException";

export const role = resourceType({
  token: "aws:iam/role:Role",
  inputs: z.strictObject({
    name: z.string(),
    description: z.string().optional(),
    assumeRolePolicy: z.string(),
    tags,
  }),
  autoNamed: "name",
  replacedBy: ["name"],
  computed: ["arn", "uniqueId", "tagsAll"],
  async create({ iam }, { name, description, assumeRolePolicy, tags: wanted }) {
    await iam.send(
      new CreateRoleCommand({
        RoleName: name,
        Description: description,
        AssumeRolePolicyDocument: assumeRolePolicy,
        Tags: tagList(wanted),
      }),
      deadline(),
    );
    return name;
  },
  async read({ iam }, id, { assumeRolePolicy }) {
    const answer = await unlessMissing(iam.send(new GetRoleCommand({ RoleName: id }), deadline()), MISSING);
    if (answer === undefined) return undefined;
    const found = given(answer.Role, "a role");
    const tagged = tagRecord(found.Tags);
    return {
      inputs: {
        name: id,
        description: found.Description,
        assumeRolePolicy: sameDocument(assumeRolePolicy, decoded(found.AssumeRolePolicyDocument)),
        tags: tagged,
      },
      outputs: { arn: given(found.Arn, "its ARN"), uniqueId: found.RoleId ?? null, tagsAll: tagged ?? {} },
    };
  },
  async update({ iam }, RoleName, { olds, news }) {
    if (olds.assumeRolePolicy !== news.assumeRolePolicy)
      await iam.send(
        new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: news.assumeRolePolicy }),
        deadline(),
      );
    if (olds.description !== news.description)
      await iam.send(new UpdateRoleCommand({ RoleName, Description: news.description ?? "" }), deadline());
    const change = tagChange(olds.tags, news.tags);
    if (Object.keys(change.set).length > 0)
      await iam.send(new TagRoleCommand({ RoleName, Tags: tagList(change.set) }), deadline());
    if (change.remove.length > 0)
      await iam.send(new UntagRoleCommand({ RoleName, TagKeys: change.remove }), deadline());
  },
  async delete({ iam }, RoleName) {
    await unlessMissing(iam.send(new DeleteRoleCommand({ RoleName }), deadline()), MISSING);
  },
});

export const rolePolicy = resourceType({
  token: "aws:iam/rolePolicy:RolePolicy",
  inputs: z.strictObject({ name: z.string(), role: z.string(), policy: z.string() }),
  autoNamed: "name",
  replacedBy: ["name", "role"],
  computed: [],
  async create({ iam }, { name, role: RoleName, policy }) {
    await iam.send(
      new PutRolePolicyCommand({ RoleName, PolicyName: name, PolicyDocument: policy }),
      deadline(),
    );
    return `${RoleName}:${name}`;
  },
  async read({ iam }, _id, { name, role: RoleName, policy }) {
    const found = await unlessMissing(
      iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: name }), deadline()),
      MISSING,
    );
    if (found === undefined) return undefined;
    const document = sameDocument(policy, decoded(found.PolicyDocument));
    return { inputs: { name, role: RoleName, policy: document }, outputs: {} };
  },
  async update({ iam }, _id, { news: { name, role: RoleName, policy } }) {
    await iam.send(
      new PutRolePolicyCommand({ RoleName, PolicyName: name, PolicyDocument: policy }),
      deadline(),
    );
  },
  async delete({ iam }, _id, { name, role: RoleName }) {
    await unlessMissing(
      iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: name }), deadline()),
      MISSING,
    );
  },
});

export const rolePolicyAttachment = resourceType({
  token: "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
  inputs: z.strictObject({ role: z.string(), policyArn: z.string() }),
  replacedBy: ["role", "policyArn"],
  computed: [],
  async create({ iam }, { role: RoleName, policyArn: PolicyArn }) {
    await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }), deadline());
    return `${RoleName}/${PolicyArn}`;
  },
  async read({ iam }, _id, inputs) {
    const found = await unlessMissing(
      iam.send(new ListAttachedRolePoliciesCommand({ RoleName: inputs.role }), deadline()),
      MISSING,
    );
    const attached = found?.AttachedPolicies?.some(({ PolicyArn }) => PolicyArn === inputs.policyArn);
    return attached === true ? { inputs, outputs: {} } : undefined;
  },
  async delete({ iam }, _id, { role: RoleName, policyArn: PolicyArn }) {
    await unlessMissing(iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn }), deadline()), MISSING);
  },
});

/** IAM gives its documents URL-encoded. */
function decoded(document: string | undefined): string | undefined {
  return document?.startsWith("%") === true ? decodeURIComponent(document) : document;
}
