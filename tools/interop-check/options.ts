import { resolve } from "node:path";
import { parseArgs } from "node:util";

export const USAGE = `Usage: npm run interop:check -- URL [options]

Holds a callee against docs/interop.md. URL is the whole address that is posted to; it ends in /interop for most.

who is calling (one of them)
  --audience ID         bearer: the account or subscription ID that the callee compares aud with
  --key PATH            its signing key (PKCS#8 PEM), or a folder in which one is made the first time, with the
                        jwks.json and public.pem to give to the callee; default .certferry/interop-check
  --credentials FILE    basic instead: a file that holds username:password

  --make-key            only make the key, say where its public half is, and stop; needs no URL
  --ca FILE             PEM: a CA to trust besides the public ones
  --certs FILE          PEM: certificates to use instead of new ones, where the callee takes only some CA's
  --read-only           nothing that changes the registry
  --only NAME           only checks whose name begins so, such as status or provision.again; repeatable
  --timeout SECONDS     how long one request may take; default 32
  --json FILE           write the results as JSON, too
  --help

Exit code 0: it conforms (warnings are what it should do besides). 1: it does not, or cannot be reached. 2: wrong usage.
`;

export interface CheckOptions {
  readonly url: string;
  readonly auth:
    | { readonly kind: "bearer"; readonly audience: string; readonly key: string }
    | { readonly kind: "basic"; readonly file: string };
  readonly ca: string | undefined;
  readonly certs: string | undefined;
  readonly readOnly: boolean;
  readonly only: readonly string[];
  readonly timeoutMs: number;
  readonly json: string | undefined;
}

export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "make-key"; readonly key: string }
  | ({ readonly kind: "check" } & CheckOptions);

/** What is wrong with the command line, for people. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const text = { type: "string" } as const;
const flag = { type: "boolean", default: false } as const;

/**
 * Reads the command line.
 * @param from.folder what relative paths are relative to; @param from.key where the key is unless told
 * @throws UsageError
 */
export function readCommand(args: readonly string[], from: { folder: string; key: string }): Command {
  const { values, positionals } = parse(args);
  const path = (given: string | undefined): string | undefined =>
    given === undefined ? undefined : resolve(from.folder, given);
  const key = path(values.key) ?? from.key;
  if (values.help) return { kind: "help" };
  if (values["make-key"]) return { kind: "make-key", key };
  const [url, ...more] = positionals;
  if (url === undefined) throw new UsageError("give the URL of the callee");
  if (more.length > 0) throw new UsageError(`one URL at a time, not ${more[0]} as well`);
  return {
    kind: "check",
    url: checkedUrl(url),
    auth: readAuth(values, path(values.credentials), key),
    ca: path(values.ca),
    certs: path(values.certs),
    readOnly: values["read-only"],
    only: values.only ?? [],
    timeoutMs: seconds(values.timeout) * 1000,
    json: path(values.json),
  };
}

type Values = ReturnType<typeof parse>["values"];

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        audience: text,
        key: text,
        credentials: text,
        "make-key": flag,
        ca: text,
        certs: text,
        "read-only": flag,
        only: { type: "string", multiple: true },
        timeout: { type: "string", default: "32" },
        json: text,
        help: flag,
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function checkedUrl(given: string): string {
  const url = URL.parse(given);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError("the URL must be a whole address, such as https://cloud.example.com/interop");
  }
  if (url.username !== "" || url.password !== "") {
    throw new UsageError("leave user name and password out of the URL: --credentials FILE has them");
  }
  return url.href;
}

function readAuth(values: Values, credentials: string | undefined, key: string): CheckOptions["auth"] {
  const { audience } = values;
  if (credentials !== undefined) {
    if (audience === undefined && values.key === undefined) return { kind: "basic", file: credentials };
    throw new UsageError("give either --audience (bearer) or --credentials (basic)");
  }
  if (audience !== undefined && audience !== "") return { kind: "bearer", audience, key };
  throw new UsageError(
    "say who is calling: --audience ID (the account or subscription ID that the callee compares aud with), or --credentials FILE",
  );
}

function seconds(given: string): number {
  const value = Number(given);
  if (value > 0 && value <= 600) return value;
  throw new UsageError("--timeout must be a number of seconds, up to 600");
}
