import type { Context } from "hono";
import type { z } from "zod";
import { accountName, objectName } from "../actions/names.ts";
import type { Session } from "../people/sessions.ts";
import { Problem } from "./problem.ts";

/** What the routes are given by those before them. */
export interface Env {
  Variables: { session: Session; sessionName: string };
}

export type Ctx = Context<Env>;

const MAX_MS = 20_000;

/** Ends with the request's deadline, or when the browser has gone. */
export function deadline(c: Ctx): AbortSignal {
  return AbortSignal.any([c.req.raw.signal, AbortSignal.timeout(MAX_MS)]);
}

/**
 * Breaks the connection off. A browser that reads no more would keep it, whatever becomes of the answer: what is written
 * already waits to be taken.
 */
export function hangUp(c: Context): void {
  const { outgoing } = (c.env ?? {}) as { outgoing?: { destroy(): void } };
  outgoing?.destroy();
}

/** The account in the path. @throws Problem 404 */
export function accountOf(c: Ctx): string {
  return named(accountName, c.req.param("account"));
}

/** The object in the path. @throws Problem 404 */
export function placeOf(c: Ctx): { namespace: string; name: string } {
  return { namespace: accountOf(c), name: named(objectName, c.req.param("name")) };
}

function named(schema: z.ZodString, value: string | undefined): string {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new Problem(404, "NotFound", "There is nothing of that name.");
  return parsed.data;
}

/** The body, held against its schema. @throws Problem 400, 422 with what is wrong, field by field */
export async function bodyOf<T>(c: Ctx, schema: z.ZodType<T>): Promise<T> {
  let json: unknown;
  try {
    json = await c.req.json();
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(400, "NotJson", "The request's body is not JSON.");
  }
  return checked(schema, json);
}

/** What is asked for in the query string. @throws Problem 422 */
export function queryOf<T>(c: Ctx, schema: z.ZodType<T>): T {
  return checked(schema, c.req.query());
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const fields: Record<string, string> = {};
  for (const { path, message } of parsed.error.issues) fields[path.join(".")] ??= message;
  const [[field, why] = ["", "it does not fit"]] = Object.entries(fields);
  throw new Problem(422, "Invalid", field === "" ? why : `${field}: ${why}`, fields);
}
