import type { ApiRequest } from "./connection.ts";

/** What fields can be judged of; a DELETE has none. */
const WRITES: ReadonlySet<ApiRequest["method"]> = new Set(["POST", "PUT", "PATCH"]);

/** Has the API server refuse (400) what is written with a field that it does not know, or one twice. */
export function strictly(request: ApiRequest): ApiRequest {
  if (!WRITES.has(request.method)) return request;
  return { ...request, query: { ...request.query, fieldValidation: "Strict" } };
}
