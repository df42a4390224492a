import { X509Certificate } from "node:crypto";
import { ENTRY_MESSAGES } from "../../../interop/protocol/messages.ts";
import { refused } from "../../../interop/protocol/refusals.ts";
import type { MemoryRegistry } from "../../../interop/registries/memory.ts";
import type { CheckedCertificate } from "../../../interop/registries/port.ts";
import type { CalleeSetup } from "./callee.ts";
import {
  accepts,
  answers,
  each,
  entries,
  isHmacOfPublicKey,
  isSigned,
  letsIn,
  letsInHeader,
  type WireEntry,
} from "./wraps.ts";

/** A callee that is wrong in one way, and the checks that fail because of it: these and no others of their groups. */
export interface WrongCallee {
  readonly what: string;
  readonly setup: CalleeSetup;
  readonly fails: readonly string[];
}

const success = ({ ref }: { ref: string }): object => ({
  ref,
  status: "SUCCESS",
  endpoint: null,
  topic: "iqs",
  policyApplied: false,
});

const isOf =
  (message: string) =>
  (entry: WireEntry): boolean =>
    entry["message"] === message;

const isObject = (body: unknown): body is Record<string, unknown> =>
  typeof body === "object" && body !== null;

const firstOf = (body: unknown): unknown =>
  isObject(body) && Array.isArray(body["certs"]) ? (body["certs"] as unknown[])[0] : undefined;

const wrongWith = (wrap: CalleeSetup["wrap"], more: CalleeSetup = {}): CalleeSetup =>
  wrap === undefined ? more : { ...more, wrap };

const now = (): number => Date.now() / 1000;
const AUD = "123456789012";
const basic = { username: "ferry", password: "secret word" };
const basicOf = (header: string | null): [string, string] => {
  const [, text = ""] = /^Basic (\S+)$/.exec(header ?? "") ?? [];
  const [user = "", ...password] = Buffer.from(text, "base64").toString().split(":");
  return [user, password.join(":")];
};

const AUTHENTICATION: readonly WrongCallee[] = [
  {
    what: "lets anybody in who sends no header",
    setup: wrongWith(letsInHeader((header) => header === null)),
    fails: ["authentication.missing", "authentication.missing-for-provision"],
  },
  {
    what: "asks for a token for info alone",
    setup: wrongWith(letsInHeader((_header, body) => body.includes("provision"))),
    fails: ["authentication.missing-for-provision"],
  },
  {
    what: "lets in one word",
    setup: wrongWith(letsInHeader((header) => header?.trim() === "Bearer")),
    fails: ["authentication.one-word"],
  },
  {
    what: "fails at three words",
    setup: wrongWith(
      answers((_body, request) =>
        request.headers.get("authorization") === "Bearer a b" ? new Response("", { status: 500 }) : undefined,
      ),
    ),
    fails: ["authentication.three-words"],
  },
  {
    what: "lets in whoever has a user and a password",
    setup: wrongWith(letsInHeader((header) => header?.startsWith("Basic") === true)),
    fails: ["authentication.other-scheme"],
  },
  {
    what: "lets in what is no token",
    setup: wrongWith(letsInHeader((header) => header === "Bearer interop-check")),
    fails: ["authentication.no-token"],
  },
  {
    what: "takes the algorithm none",
    setup: wrongWith(letsIn(({ header }) => header.alg === "NONE")),
    fails: ["authentication.alg-none"],
  },
  {
    what: "takes the algorithm from the token",
    setup: wrongWith(letsIn(isHmacOfPublicKey)),
    fails: ["authentication.hmac-of-public-key"],
  },
  {
    what: "takes a signature of zeros",
    setup: wrongWith(letsIn(({ header, signature }) => header.alg === "ES256" && /^A+$/.test(signature))),
    fails: ["authentication.empty-signature"],
  },
  {
    what: "reads tokens without verifying them, but for their kid, aud, exp and nbf",
    setup: wrongWith(
      letsIn(({ header, claims, key }) => {
        const { aud, exp, nbf = 0 } = claims as { aud?: string; exp?: number; nbf?: number };
        return (
          header.kid === key.kid &&
          header.alg === "ES256" &&
          aud === AUD &&
          Number(exp) > now() &&
          nbf < now()
        );
      }),
    ),
    fails: ["authentication.empty-signature", "authentication.changed-claims", "authentication.other-key"],
  },
  {
    what: "trusts a key of any kid",
    setup: wrongWith(
      letsIn(({ header, key }) => header.alg === "ES256" && header.kid !== key.kid && !("jwk" in header)),
    ),
    fails: ["authentication.unknown-kid"],
  },
  {
    what: "trusts the key that the token brings",
    setup: wrongWith(letsIn((token) => token.header.jwk !== undefined && isSigned(token, token.header.jwk))),
    fails: ["authentication.key-in-token"],
  },
  {
    what: "does not look at aud",
    setup: wrongWith(
      letsIn(
        async (token) =>
          (await isSigned(token)) && Number(token.claims["exp"]) > now() && token.claims["nbf"] === undefined,
      ),
    ),
    fails: ["authentication.other-audience", "authentication.no-audience"],
  },
  {
    what: "does not look at exp",
    setup: wrongWith(
      letsIn(
        async (token) =>
          (await isSigned(token)) && token.claims["aud"] === AUD && token.claims["nbf"] === undefined,
      ),
    ),
    fails: ["authentication.expired"],
  },
  {
    what: "does not look at nbf",
    setup: wrongWith(letsIn(async (token) => (await isSigned(token)) && Number(token.claims["nbf"]) > now())),
    fails: ["authentication.not-yet-valid"],
  },
  {
    what: "of another kind lets in a bearer token",
    setup: wrongWith(
      letsInHeader((header) => header?.startsWith("Bearer") === true),
      { basic },
    ),
    fails: ["authentication.other-scheme-basic"],
  },
  {
    what: "looks at the user alone",
    setup: wrongWith(
      letsInHeader((header) => basicOf(header)[0] === basic.username),
      { basic },
    ),
    fails: ["authentication.wrong-password", "authentication.no-password"],
  },
  {
    what: "looks at the password alone",
    setup: wrongWith(
      letsInHeader((header) => basicOf(header)[1] === basic.password),
      { basic },
    ),
    fails: ["authentication.wrong-user"],
  },
];

const CERTS_MISFITS: readonly (readonly [string, (entry: unknown) => boolean])[] = [
  ["entry-no-object", (entry) => typeof entry === "string"],
  ["no-ref", (entry) => isObject(entry) && !("ref" in entry)],
  ["no-cert", (entry) => isObject(entry) && !("cert" in entry)],
  ["no-base64", (entry) => isObject(entry) && entry["cert"] === "no base64!"],
];

const REQUESTS: readonly WrongCallee[] = [
  {
    what: "says something else to info",
    setup: wrongWith(
      answers((body) => (isObject(body) && body["action"] === "info" ? Response.json({ ok: 1 }) : undefined)),
    ),
    fails: ["address.info"],
  },
  {
    what: "offers capabilities in a text",
    setup: wrongWith(
      answers((body, request) =>
        isObject(body) && body["action"] === "info" && request.headers.get("authorization") !== null
          ? Response.json({ action: "info", compatibilityVersion: 1, capabilities: "status" })
          : undefined,
      ),
    ),
    fails: ["address.capabilities"],
  },
  {
    what: "lets anybody probe at /auth",
    setup: wrongWith(answers((_body, { url }) => (url.endsWith("/auth") ? new Response("OK") : undefined))),
    fails: ["address.auth"],
  },
  {
    what: "takes nothing for a request",
    setup: wrongWith(accepts((body) => body === "")),
    fails: ["requests.empty"],
  },
  {
    what: "takes half a JSON",
    setup: wrongWith(accepts((body) => typeof body === "string" && body !== "")),
    fails: ["requests.broken-json"],
  },
  { what: "takes a list", setup: wrongWith(accepts(Array.isArray)), fails: ["requests.no-object"] },
  {
    what: "takes a request without action",
    setup: wrongWith(accepts((body) => isObject(body) && !Array.isArray(body) && !("action" in body))),
    fails: ["requests.no-action"],
  },
  {
    what: "takes any action",
    setup: wrongWith(accepts((body) => isObject(body) && body["action"] === "interop-check")),
    fails: ["requests.unknown-action"],
  },
  {
    what: "takes provision of nothing",
    setup: wrongWith(
      accepts((body) => isObject(body) && body["action"] === "provision" && !("certs" in body)),
    ),
    fails: ["requests.no-certs"],
  },
  {
    what: "takes certs that are no list",
    setup: wrongWith(
      accepts((body) => isObject(body) && isObject(body["certs"]) && !Array.isArray(body["certs"])),
    ),
    fails: ["requests.certs-no-list"],
  },
  ...CERTS_MISFITS.map(([name, isSo]): WrongCallee => ({
    what: `takes certs of which one is wrong: ${name}`,
    setup: wrongWith(accepts((body) => firstOf(body) !== undefined && isSo(firstOf(body)))),
    fails: [`requests.${name}`],
  })),
  {
    what: "takes no more than 100 kB",
    setup: wrongWith(
      answers((_body, request) =>
        Number(request.headers.get("content-length")) > 100_000
          ? new Response("", { status: 413 })
          : undefined,
      ),
    ),
    fails: ["requests.one-mib"],
  },
];

const PROVISION: readonly WrongCallee[] = [
  {
    what: "lets nobody in",
    setup: wrongWith(
      each("provision", ({ ref }) => ({ ref, status: "ERROR", message: "no" })),
      { capabilities: [] },
    ),
    fails: [
      "provision.one",
      "provision.again",
      "provision.several",
      "provision.refs",
      "provision.bad-among-good",
      "provision.collision",
    ],
  },
  {
    what: "refuses what is in already",
    setup: {
      change: (registry) => ({
        provision: async (certificates, call) => {
          const known = new Set(registry.list().flatMap(({ thumbprints }) => thumbprints));
          const answered = await registry.provision(certificates, call);
          return answered.map((entry, index) =>
            known.has(certificates[index]?.thumbprint ?? "")
              ? refused(entry.ref, "RegistrationFailed")
              : entry,
          );
        },
      }),
    },
    fails: ["provision.again", "provision.several"],
  },
  {
    what: "answers for one device too few",
    setup: wrongWith(entries("provision", (list) => (list.length > 5 ? list.slice(1) : list))),
    fails: ["provision.several"],
  },
  {
    what: "answers for a device that nobody sent",
    setup: wrongWith(entries("provision", (list) => [...list, success({ ref: "stranger" })])),
    fails: ["provision.several"],
  },
  {
    what: "makes numbers of refs",
    setup: wrongWith(
      each("provision", (entry) => ({
        ...entry,
        ref: /^\d+$/.test(entry.ref) ? Number(entry.ref) : entry.ref,
      })),
    ),
    fails: ["provision.refs"],
  },
  {
    what: "refuses the whole request for one bad certificate",
    setup: {
      wrap: (callee) => async (request) => {
        const answer = await callee(request);
        const isBad = (await answer.clone().text()).includes(ENTRY_MESSAGES.certificateUndecodable);
        return isBad ? Response.json({ error: "bad" }, { status: 400 }) : answer;
      },
    },
    fails: ["provision.bad-among-good"],
  },
  {
    what: "says SUCCESS for what is no certificate",
    setup: wrongWith(
      each("provision", (entry) =>
        isOf(ENTRY_MESSAGES.certificateUndecodable)(entry) ? success(entry) : entry,
      ),
    ),
    fails: ["provision.bad-among-good"],
  },
  {
    what: "does not look at validity",
    setup: wrongWith(
      each("provision", (entry) => (isOf(ENTRY_MESSAGES.validityOutOfRange)(entry) ? success(entry) : entry)),
    ),
    fails: ["provision.expired", "provision.not-yet-valid"],
  },
  {
    what: "offers more than v1 and loses devices of one serial number",
    setup: { collisions: "as-v1", capabilities: ["codes"] },
    fails: ["provision.collision"],
  },
  {
    what: "offers more than v1 and answers for one device of a serial number",
    setup: wrongWith(
      entries("provision", (list, { certs }) => {
        const last = new Map(certs.map(({ ref, cert }) => [serialOf(cert), ref]));
        const kept = new Set(last.values());
        return list.filter(({ ref }) => kept.has(ref));
      }),
    ),
    fails: ["provision.collision-at-once"],
  },
];

function serialOf(cert: string): string {
  try {
    return new X509Certificate(Buffer.from(cert, "base64")).serialNumber;
  } catch {
    return cert;
  }
}

const without =
  (...names: string[]) =>
  (entry: WireEntry): object =>
    Object.fromEntries(Object.entries(entry).filter(([name]) => !names.includes(name)));

const BEYOND_V1: readonly WrongCallee[] = [
  {
    what: "offers batch, and refuses it",
    setup: wrongWith(
      answers((body) =>
        isObject(body) && "batch" in body ? Response.json({ error: "batch?" }, { status: 400 }) : undefined,
      ),
    ),
    fails: ["batch.taken"],
  },
  {
    what: "offers codes, and names none",
    setup: wrongWith(each("provision", without("code"))),
    fails: ["codes.undecodable", "codes.expired", "codes.collision"],
  },
  {
    what: "calls everything retryable",
    setup: wrongWith(
      each("provision", (entry) => ("retryable" in entry ? { ...entry, retryable: true } : entry)),
    ),
    fails: ["codes.undecodable", "codes.expired", "codes.collision"],
  },
  {
    what: "offers distinct names, and names devices by their serial number",
    setup: { change: () => ({ distinctNames: true }), names: "<serial>" },
    fails: ["distinct-names.both"],
  },
];

const STATUS: readonly WrongCallee[] = [
  {
    what: "never finds anything",
    setup: wrongWith(each("status", (entry) => ({ ...entry, present: false, differs: ["Missing"] }))),
    fails: ["status.in"],
  },
  {
    what: "finds everything",
    setup: wrongWith(
      each("status", (entry) =>
        entry.status === "ERROR" ? entry : { ...entry, present: true, differs: [] },
      ),
    ),
    fails: ["status.unknown", "status.other-of-the-serial"],
  },
  {
    what: "lets in what it is asked about",
    setup: {
      change: (registry) => ({
        status: async (certificates, call) => {
          const answer = await registry.status?.(certificates, call);
          await registry.provision(certificates, call);
          return answer ?? [];
        },
      }),
    },
    fails: ["status.unknown"],
  },
  {
    what: "knows nothing of certificates that have expired",
    setup: {
      change: (registry) => ({
        status: async (certificates, call) =>
          ((await registry.status?.(certificates, call)) ?? []).map((entry, index) =>
            hasExpired(certificates[index]) ? refused(entry.ref, "ValidityOutOfRange") : entry,
          ),
      }),
    },
    fails: ["status.expired"],
  },
  {
    what: "knows how stands what is no certificate",
    setup: wrongWith(
      each("status", (entry) =>
        entry.status === "ERROR"
          ? { ref: entry.ref, status: "SUCCESS", present: false, differs: ["Missing"] }
          : entry,
      ),
    ),
    fails: ["status.undecodable"],
  },
];

function hasExpired(certificate: CheckedCertificate | undefined): boolean {
  return certificate !== undefined && new X509Certificate(certificate.pem).validToDate.getTime() < Date.now();
}

const removed = ({ ref }: { ref: string }) => ({ ref, status: "SUCCESS" as const, removed: true });

/** Takes out devices by the names that certificates make, whosever they are. */
function loseByName(registry: MemoryRegistry, certificates: readonly CheckedCertificate[]): void {
  for (const { serial } of certificates) registry.lose(`Infineon_${serial}`);
}

const DEPROVISION: readonly WrongCallee[] = [
  {
    what: "says that it takes out, and does not",
    setup: { change: () => ({ deprovision: (certificates) => Promise.resolve(certificates.map(removed)) }) },
    fails: ["deprovision.removes"],
  },
  {
    what: "cannot take out what is not there",
    setup: wrongWith(
      each("deprovision", (entry) =>
        entry["removed"] === false ? { ref: entry.ref, status: "ERROR", message: "none" } : entry,
      ),
    ),
    fails: [
      "deprovision.again",
      "deprovision.unknown",
      "deprovision.other-of-the-serial",
      "deprovision.expired",
    ],
  },
  {
    what: "takes out all",
    setup: {
      change: (registry) => ({
        deprovision: (certificates) => {
          for (const { name } of registry.list()) registry.lose(name);
          return Promise.resolve(certificates.map(removed));
        },
      }),
    },
    fails: ["deprovision.others-stay", "deprovision.other-of-the-serial"],
  },
  {
    what: "takes out all, and cannot tell how they stand",
    setup: {
      capabilities: ["deprovision"],
      change: (registry) => ({
        deprovision: async (certificates, call) => {
          const answer = await registry.deprovision?.(certificates, call);
          for (const { name } of registry.list()) registry.lose(name);
          return answer ?? [];
        },
      }),
    },
    fails: ["deprovision.others-stay", "deprovision.other-of-the-serial"],
  },
  {
    what: "takes out by name, whosever the device is",
    setup: {
      change: (registry) => ({
        deprovision: (certificates) => {
          loseByName(registry, certificates);
          return Promise.resolve(certificates.map(removed));
        },
      }),
    },
    fails: ["deprovision.other-of-the-serial"],
  },
  {
    what: "takes out nothing that has expired",
    setup: {
      change: (registry) => ({
        deprovision: async (certificates, call) =>
          ((await registry.deprovision?.(certificates, call)) ?? []).map((entry, index) =>
            hasExpired(certificates[index]) ? refused(entry.ref, "ValidityOutOfRange") : entry,
          ),
      }),
    },
    fails: ["deprovision.expired"],
  },
  {
    what: "takes out what is no certificate",
    setup: wrongWith(each("deprovision", (entry) => (entry.status === "ERROR" ? removed(entry) : entry))),
    fails: ["deprovision.undecodable"],
  },
  {
    what: "takes deprovision without certs",
    setup: wrongWith(
      accepts((body) => isObject(body) && body["action"] === "deprovision" && !("certs" in body)),
    ),
    fails: ["deprovision.no-certs"],
  },
  {
    what: "lets nothing in again that was taken out",
    setup: {
      change: (registry) => {
        const out = new Set<string>();
        return {
          deprovision: (certificates, call) => {
            for (const { thumbprint } of certificates) out.add(thumbprint);
            return registry.deprovision?.(certificates, call) ?? Promise.resolve([]);
          },
          provision: async (certificates, call) =>
            (await registry.provision(certificates, call)).map((entry, index) =>
              out.has(certificates[index]?.thumbprint ?? "")
                ? refused(entry.ref, "RegistrationFailed")
                : entry,
            ),
        };
      },
    },
    fails: ["deprovision.and-in-again"],
  },
];

export const WRONG_CALLEES: readonly WrongCallee[] = [
  ...AUTHENTICATION,
  ...REQUESTS,
  ...PROVISION,
  ...BEYOND_V1,
  ...STATUS,
  ...DEPROVISION,
];
