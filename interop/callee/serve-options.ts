import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";

const optionsSchema = z
  .strictObject({
    flavor: z.enum(["aws", "azure"]),
    name: z.string().min(1).default("product cloud"),
    /** Bearer: the cloud's own account or subscription ID, and the file with the accounts' keys. */
    audience: z.string().min(1).optional(),
    jwks: z.string().min(1).optional(),
    /** Basic instead: a file that holds `username:password`. */
    credentials: z.string().min(1).optional(),
    tlsCert: z.string().min(1),
    tlsKey: z.string().min(1),
    basePath: z
      .string()
      .regex(/^(\/[\w.~-]+)*$/, "must look like /Prod")
      .optional(),
    host: z.string().min(1).default("127.0.0.1"),
    port: z.coerce.number().int().min(0).max(65_535).default(0),
    /** Where devices connect to; goes into answers. */
    endpoint: z.string().min(1).optional(),
    /** AWS: the policy that each certificate gets; empty for none. */
    policy: z.string().default("CertferryDevice"),
    /** Ends the process when its standard input does, so that it does not outlive who started it. */
    untilStdinCloses: z.boolean().default(false),
  })
  .refine(
    ({ audience, jwks, credentials }) =>
      credentials === undefined
        ? audience !== undefined && jwks !== undefined
        : audience === undefined && jwks === undefined,
    "give either audience and jwks (bearer) or credentials (basic)",
  );

export type ServeOptions = z.infer<typeof optionsSchema>;

/** What is wrong with the options, for people. */
export class OptionsError extends Error {
  override readonly name = "OptionsError";
}

export const USAGE = `Usage, with Node 24: node interop/callee/serve.ts [--config FILE] [options]

  --flavor aws|azure       whose manners it has
  --audience ID            its own account or subscription ID   } bearer
  --jwks FILE              the accounts' public keys            }
  --credentials FILE       username:password                      basic, instead
  --tls-cert FILE          PEM
  --tls-key FILE           PEM
  --name TEXT              what it is called
  --base-path PATH         before all routes, such as /Prod
  --host, --port           default 127.0.0.1 and a free port
  --endpoint HOST          where devices connect to
  --policy NAME            AWS: the policy each certificate gets ("" for none)
  --until-stdin-closes     end when standard input ends

A config file is JSON with the same names: {"flavor": "aws", "tlsCert": "...", ...}. Options win over it.
`;

const text = { type: "string" } as const;

/**
 * Reads options from the command line and, under them, from a config file.
 * @throws OptionsError
 */
export function readServeOptions(args: readonly string[]): ServeOptions {
  const given = parseOptions(args);
  const merged = { ...(given.config === undefined ? {} : readConfig(given.config)), ...given.options };
  const parsed = optionsSchema.safeParse(merged);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join(".")}: ${message}`,
  );
  throw new OptionsError(faults.join("\n"));
}

function parseOptions(args: readonly string[]): { config: string | undefined; options: object } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: text,
        flavor: text,
        name: text,
        audience: text,
        jwks: text,
        credentials: text,
        "tls-cert": text,
        "tls-key": text,
        "base-path": text,
        host: text,
        port: text,
        endpoint: text,
        policy: text,
        "until-stdin-closes": { type: "boolean" },
      },
    });
    const { config, ...rest } = values;
    const options = Object.fromEntries(
      Object.entries(rest).map(([name, value]) => [
        name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()),
        value,
      ]),
    );
    return { config, options };
  } catch (error) {
    throw new OptionsError(error instanceof Error ? error.message : String(error));
  }
}

function readConfig(path: string): object {
  try {
    const config: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof config === "object" && config !== null) return config;
  } catch (cause) {
    throw new OptionsError(`config: ${path} cannot be read as JSON`, { cause });
  }
  throw new OptionsError(`config: ${path} must hold a JSON object`);
}
