import type { KubeConfig } from "@kubernetes/client-node";
import { decodeJwt } from "jose";
import { ApiError } from "../../operator/runtime/api-error.ts";
import { asRecord } from "../../operator/runtime/watch.ts";
import { Problem } from "../server/problem.ts";
import { connectAs } from "./person.ts";
import type { Person } from "./person.ts";

const REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/**
 * Whose token this is, as the API server says.
 * @throws Problem 401 when it does not accept the token; ApiError when it does not answer
 */
export async function personOfToken(config: KubeConfig, token: string, signal: AbortSignal): Promise<Person> {
  const credentials = { kind: "token", token } as const;
  const client = connectAs(config, { name: "", credentials });
  try {
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    const answer = await client.request({ method: "POST", path: REVIEWS, body }, signal);
    const { username } = asRecord(asRecord(asRecord(answer)["status"])["userInfo"]);
    if (typeof username !== "string" || username === "" || username === "system:anonymous") throw refused();
    const expiresAt = expiryOf(token);
    return { name: username, credentials, ...(expiresAt === undefined ? {} : { expiresAt }) };
  } catch (error) {
    if (error instanceof ApiError && (error.status === 401 || error.status === 403)) throw refused();
    throw error;
  } finally {
    await client.close();
  }
}

function refused(): Problem {
  return new Problem(401, "TokenRefused", "The cluster does not accept this token. It may have expired.");
}

/** Of a JWT, without a look at its signature: the API server has checked that. */
function expiryOf(token: string): number | undefined {
  try {
    const { exp } = decodeJwt(token);
    return exp === undefined ? undefined : exp * 1000;
  } catch {
    return undefined;
  }
}
