import type { Check } from "../check.ts";
import { ADDRESS, INFO } from "./address.ts";
import { AUTHENTICATION } from "./authentication.ts";
import { BATCH_AND_CODES } from "./batch-and-codes.ts";
import { COLLISIONS } from "./collisions.ts";
import { DEPROVISION } from "./deprovision.ts";
import { PROVISION } from "./provision.ts";
import { REQUESTS } from "./requests.ts";
import { STATUS } from "./status.ts";

/** All that a callee is held against; `address.info` comes first, because all else depends on it. */
export const CHECKS: readonly Check[] = [
  INFO,
  ...ADDRESS,
  ...AUTHENTICATION,
  ...REQUESTS,
  ...PROVISION,
  ...COLLISIONS.filter(({ name }) => name.startsWith("provision.")),
  ...BATCH_AND_CODES,
  ...COLLISIONS.filter(({ name }) => name.startsWith("codes.")),
  ...STATUS,
  ...DEPROVISION,
  ...COLLISIONS.filter(({ name }) => name.startsWith("distinct-names.")),
];
