import { ACCOUNT_LABEL } from "../../crds/index.ts";
import { isForbidden } from "../errors.ts";
import type { Session } from "./session.ts";

/** What a namespace says of itself; `unknown` to those who may not look at it. */
export type AccountState = "labelled" | "unlabelled" | "absent" | "unknown";

/** Whether the session's namespace is there, and labelled as an account. @throws ApiError */
export async function accountState(
  { namespaces, namespace }: Session,
  signal: AbortSignal,
): Promise<AccountState> {
  try {
    const there = await namespaces.find({ name: namespace }, signal);
    if (there === undefined) return "absent";
    return there.metadata.labels?.[ACCOUNT_LABEL] === "true" ? "labelled" : "unlabelled";
  } catch (error) {
    if (isForbidden(error)) return "unknown";
    throw error;
  }
}
