import { z } from "zod";
import { BATCH_ID } from "../../desk/batch-id.ts";

const LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/u;
const SUBDOMAIN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/u;

/** The name of an account, which is a namespace. */
export const accountName = z.string().max(63).regex(LABEL);

/** The name of an object in an account. */
export const objectName = z.string().max(253).regex(SUBDOMAIN);

/** The name of a CloudApi. */
export const cloudName = z
  .string()
  .max(63, "at most 63 characters")
  .regex(SUBDOMAIN, "lower-case letters, digits, hyphens and dots, with a letter or digit at both ends");

/** A Product Batch ID, as it is printed on a reel. */
export const batchId = z
  .string()
  .trim()
  .max(63, "at most 63 characters")
  .regex(BATCH_ID, "letters, digits and hyphens, with a letter or digit at both ends, e.g. D001");
