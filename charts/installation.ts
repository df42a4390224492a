import { type App, Chart } from "cdk8s";
import { Console } from "./parts/console.ts";
import { ConsoleRights } from "./parts/console-rights.ts";
import { Definitions } from "./parts/definitions.ts";
import { Network } from "./parts/network.ts";
import { OperatorRights } from "./parts/operator-rights.ts";
import { PeopleRoles } from "./parts/people-roles.ts";
import { Policies } from "./parts/policies.ts";
import { Workload } from "./parts/workload.ts";
import type { Source } from "./source/source.ts";

/** All that Certferry is installed with, in the order in which it is applied. */
export class Installation extends Chart {
  readonly parts: ReadonlyMap<
    string,
    Console | ConsoleRights | Definitions | Network | OperatorRights | PeopleRoles | Policies | Workload
  >;

  constructor(app: App, source: Source) {
    super(app, "certferry", { disableResourceNameHashes: true });
    this.parts = new Map(
      [
        new Definitions(this, "definitions", source),
        new OperatorRights(this, "operator-rights", source),
        new PeopleRoles(this, "people-roles", source),
        new Policies(this, "policies", source),
        new Network(this, "network", source),
        new Workload(this, "workload", source),
        new ConsoleRights(this, "console-rights", source),
        new Console(this, "console", source),
      ].map((part) => [part.node.id, part]),
    );
  }
}
