/** A secret that is known, and its name. */
export interface Secret {
  readonly name: string;
  readonly value: string;
}

interface Pattern {
  readonly what: string;
  readonly expression: RegExp;
  /** Whether what fits is one in fact. */
  readonly isOne?: (found: string) => boolean;
}

/** What separates lines in a text, in a JSON string, and in a JSON string within a JSON string. */
const BREAK = String.raw`(?:\s|\\+[rn])*`;
/** Shorter ones (`pw`, `right`) are words that people write, too. */
const SHORTEST = 8;

/** What looks like a secret whichever it is. An announcement alone (`-----BEGIN PRIVATE KEY-----` in a message) is none. */
const PATTERNS: readonly Pattern[] = [
  {
    what: "a private key in PEM",
    expression: new RegExp(
      String.raw`-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----${BREAK}(?:Proc-Type[^-]{0,200})?[A-Za-z0-9+/=]{16}`,
      "g",
    ),
  },
  {
    what: "a JSON web token",
    expression: /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}/g,
    isOne: (found) => isJson(found.split(".", 1)[0] ?? ""),
  },
  {
    what: "the private part of a JSON web key",
    expression: /\\*"d\\*"\s*:\s*\\*"[\w-]{40,}/g,
  },
  {
    what: "a user and a password for HTTP Basic",
    expression: /\bBasic [A-Za-z0-9+/=]{12,}/gi,
    isOne: (found) => isUserAndPassword(found.slice("Basic ".length)),
  },
];

/** Looks for key material, tokens, and secrets that are known. */
export class SecretSearch {
  readonly #byStart = new Map<number, { readonly name: string; readonly bytes: Buffer }[]>();
  /** Whether a start of these lower bits is among them: most of a text is passed over by this alone. */
  readonly #starts = new Uint8Array(65_536);

  /**
   * @param secrets each is looked for as it is, and as it stands in base64 (of it alone, or amid more), in JSON, in JSON
   * within JSON, and in a URL; of a private key each line, as it is and in base64
   */
  constructor(secrets: readonly Secret[]) {
    const known = new Set<string>();
    for (const { name, value } of secrets) {
      for (const form of formsOf(value)) {
        if (form.length < SHORTEST || known.has(form)) continue;
        known.add(form);
        const bytes = Buffer.from(form);
        const start = bytes.readUInt32LE(0);
        this.#starts[hash(start)] = 1;
        const others = this.#byStart.get(start) ?? [];
        others.push({ name, bytes });
        this.#byStart.set(start, others);
      }
    }
  }

  /** @returns what was found, and where it begins; never the secret itself */
  in(text: Buffer): { readonly at: number; readonly what: string }[] {
    const found: { at: number; what: string }[] = [];
    // Each byte a character, so that places are the same.
    const characters = text.toString("latin1");
    for (const { what, expression, isOne } of PATTERNS) {
      for (const match of characters.matchAll(expression)) {
        if (isOne?.(match[0]) !== false) found.push({ at: match.index, what });
      }
    }
    for (let at = 0; at + SHORTEST <= text.length; at += 1) {
      const start = text.readUInt32LE(at);
      if (this.#starts[hash(start)] !== 1) continue;
      // One that begins as another of its forms does is one.
      const here = new Set<string>();
      for (const { name, bytes } of this.#byStart.get(start) ?? []) {
        if (bytes.equals(text.subarray(at, at + bytes.length))) here.add(name);
      }
      for (const what of here) found.push({ at, what });
    }
    return found;
  }
}

function hash(start: number): number {
  return (start ^ (start >>> 16)) & 0xffff;
}

function formsOf(value: string): string[] {
  if (value.includes("PRIVATE KEY-----")) {
    // The first line begins as that of every other key does, but it does not end so.
    const lines = value.split(/\r?\n/).filter((line) => line.length >= 32 && !line.startsWith("-"));
    return [...lines, ...lines.flatMap((line) => inBase64(line))];
  }
  const json = inJson(value);
  return [value, ...inBase64(value), json, inJson(json), encodeURIComponent(value)];
}

function inJson(value: string): string {
  return JSON.stringify(value).slice(1, -1);
}

/**
 * How a text looks within base64 of more (`user:password`, a PEM file), where it starts at one of three places in a group:
 * the characters that depend on its neighbours are left out. And in base64 of itself, in which a short one has more.
 */
function inBase64(value: string): string[] {
  const amid = [0, 1, 2].map((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(value)]);
    const own = Math.floor((bytes.length * 8) / 6);
    return bytes.toString("base64").slice(Math.ceil((before * 8) / 6), own);
  });
  const all = [Buffer.from(value).toString("base64"), ...amid];
  return [...all, ...all.map((form) => form.replaceAll("+", "-").replaceAll("/", "_"))];
}

/** `Basic authentication` has letters of base64 behind it, too. */
function isUserAndPassword(base64: string): boolean {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(base64, "base64"));
    return /^[^\p{Cc}]*:[^\p{Cc}]*$/u.test(text);
  } catch {
    return false;
  }
}

function isJson(base64url: string): boolean {
  try {
    return typeof JSON.parse(Buffer.from(base64url, "base64url").toString("utf8")) === "object";
  } catch {
    return false;
  }
}
