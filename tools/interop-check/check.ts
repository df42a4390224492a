import type { Capability } from "../../interop/protocol/capabilities.ts";
import type { Finding } from "./finding.ts";
import type { Subject } from "./subject.ts";

/** The groups, in the order in which they are held, with their titles. */
export const GROUPS = {
  address: "Address and routes",
  authentication: "Authentication",
  requests: "Requests",
  provision: "Provision",
  batch: "Beyond v1: batch and device",
  codes: "Beyond v1: codes",
  status: "Beyond v1: status",
  deprovision: "Beyond v1: deprovision",
  "distinct-names": "Beyond v1: distinct names",
} as const;

export type Group = keyof typeof GROUPS;

/** Headings of docs/interop.md. */
export type Anchor =
  | "the-address"
  | "who-is-calling"
  | "requests"
  | "answers"
  | "texts-of-refusals"
  | "when-the-whole-request-fails"
  | "capabilities"
  | "batch-and-device"
  | "codes"
  | "status"
  | "deprovision"
  | "distinct-names";

/** What has to be the case for a check to be held. */
export type Need =
  | Capability
  | "bearer"
  | "basic"
  /** The registry may be changed (no `--read-only`). */
  | "writes"
  /** What is let in may be taken out again: not so for given certificates of which nobody knows whether they were in. */
  | "removable";

/** One promise of docs/interop.md that a callee is held against. */
export interface Check {
  /** Its group, a full stop, and what it is about: `provision.again`. Stable. */
  readonly name: `${Group}.${string}`;
  /** What v1, or what is offered beyond it, requires; or what it asks for besides. `should` fails at most with a warning. */
  readonly level: "must" | "should";
  /** What must or should come. */
  readonly expected: string;
  readonly where: Anchor;
  readonly needs?: readonly Need[];
  /** Throws `Unexpected`, or InteropError when no answer came: both are failures of this check. */
  readonly run: (subject: Subject) => Promise<Finding>;
}
