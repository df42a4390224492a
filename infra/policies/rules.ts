import { encryptionAtRest, logRetention } from "./at-rest.ts";
import { noSharedKeys, tagged } from "./keys-and-tags.ts";
import { devicesActForThemselves, noWildcardActions, noWildcardResources } from "./rights.ts";
import type { Rule } from "./rule.ts";
import { tls12 } from "./transport.ts";

/** All rules of the pack; each stops what breaks it. */
export const RULES: readonly Rule[] = [
  noWildcardActions,
  noWildcardResources,
  devicesActForThemselves,
  tls12,
  encryptionAtRest,
  logRetention,
  noSharedKeys,
  tagged,
];
