import { Construct } from "constructs";
import { GROUP, kinds } from "../../crds/index.ts";
import type { Condition, Source } from "../source/source.ts";
import { RBAC } from "./names.ts";
import type { Rule } from "./rules.ts";

const READ = ["get", "list", "watch"];
const WRITE = ["create", "update", "patch", "delete", "deletecollection"];
const reels = kinds.Reel.plural;
const cloudApis = kinds.CloudApi.plural;
const batches = kinds.DeviceBatch.plural;
const records = [kinds.ReelBinding.plural, kinds.ProvisioningLedger.plural];

function rule(resources: readonly string[], verbs: readonly string[]): Rule {
  return { apiGroups: [GROUP], resources, verbs };
}

/** What has happened to a batch is told by Events; Kubernetes' own `view` reads them too. */
const EVENTS: Rule = { apiGroups: [""], resources: ["events"], verbs: READ };
const VIEWER = [rule([reels, cloudApis, batches], READ), EVENTS];
/** Whose a reel is stands in the records, and is nobody's business but an administrator's. */
const ROLES: readonly { name: string; with?: "view" | "edit" | "admin"; rules: readonly Rule[] }[] = [
  { name: "certferry-viewer", with: "view", rules: VIEWER },
  // Who binds in the factory chooses no cloud and takes nothing back.
  { name: "certferry-binder", rules: [...VIEWER, rule([batches], ["create"])] },
  {
    name: "certferry-editor",
    with: "edit",
    rules: [...VIEWER, rule([cloudApis, batches], WRITE), rule([cloudApis], ["use"])],
  },
  {
    name: "certferry-admin",
    with: "admin",
    rules: [
      rule([reels, cloudApis, batches, ...records], READ),
      EVENTS,
      rule([reels, cloudApis, batches], WRITE),
      rule([cloudApis], ["use"]),
      rule([reels], ["bind"]),
      // To release a reel. Nobody but the operator writes a record otherwise.
      rule([kinds.ReelBinding.plural], ["delete"]),
    ],
  },
];

/** ClusterRoles for people, and for what acts in their name. */
export class PeopleRoles extends Construct {
  constructor(scope: Construct, id: string, source: Source) {
    super(scope, id);
    const install: Condition = { set: "roles.install" };
    for (const { name, with: aggregated, rules } of ROLES) {
      const label = `${RBAC}/aggregate-to-${aggregated ?? ""}`;
      const labels = { [label]: source.when({ set: "roles.aggregate" }, "true") };
      source.place(
        this,
        name,
        {
          apiVersion: `${RBAC}/v1`,
          kind: "ClusterRole",
          metadata: {
            name,
            ...(aggregated === undefined ? {} : { labels: labels as Record<string, string> }),
          },
          rules,
        },
        install,
      );
    }
  }
}
