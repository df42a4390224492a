/** A validation rule in CEL as the API server runs it (`x-kubernetes-validations`). */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  /** Path below the rule's own node that the error names, e.g. `.aws`. */
  readonly fieldPath?: string;
}

/** Metadata that carries rules into the generated schema. */
export function rules(...list: readonly CelRule[]): { "x-kubernetes-validations": readonly CelRule[] } {
  return { "x-kubernetes-validations": list };
}

/** The value may never change. `advice` says what to do instead. */
export function immutable(what: string, advice: string): CelRule {
  return { rule: "self == oldSelf", message: `${what} cannot be changed: ${advice}` };
}

/** The string matches `pattern`; the message explains it in words, which a pattern does not. */
export function matches(pattern: RegExp, message: string): CelRule {
  return { rule: `self.matches(${celString(plainSource(pattern))})`, message };
}

/** Exactly one of `fields` is set. */
export function exactlyOne(fields: readonly string[], message: string): CelRule {
  const set = fields.map((field) => `has(self.${field})`).join(", ");
  return { rule: `[${set}].filter(isSet, isSet).size() == 1`, message };
}

/** The string is a whole http(s) address without credentials or fragment. */
export function webAddress(example: string): CelRule[] {
  return [
    {
      rule: "isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != ''",
      message: `must be a whole address that begins with https:// (or http://), e.g. ${example}`,
    },
    {
      rule: "!self.matches('^[a-z]+://[^/?#]*@')",
      message:
        "must not hold a user or password, because everyone who may read this object would see them: put them into a Secret and name that",
    },
    { rule: "!self.contains('#')", message: 'must not have a fragment: leave out "#" and what follows it' },
  ];
}

/** Credentials go to the address `of`: plain http only where the connection does not leave the machine or the cluster. */
export function noCredentialsInTheClear(of = "self"): CelRule {
  const host = `url(${of}).getHostname()`;
  const inside = [
    `${host} in ['localhost', '::1']`,
    `${host}.matches('^127([.][0-9]{1,3}){3}$')`,
    `${host}.matches('[.]svc([.]cluster[.]local)?$')`,
  ].join(" || ");
  return {
    rule: `!isURL(${of}) || url(${of}).getScheme() != 'http' || ${inside}`,
    message:
      "must use https://, because credentials are sent to it (http:// is for localhost and for Services of this cluster, *.svc, only)",
  };
}

/**
 * The host of a URL keeps what JavaScript's `new URL(…).host` gives: host name in lower case, and the port
 * unless it is the scheme's own.
 */
export function sameHost(advice: string): CelRule {
  const host = (of: string): string =>
    `url(${of}).getHostname().lowerAscii() + ((url(${of}).getScheme() + url(${of}).getPort()) in ['https443', 'http80'] ? '' : url(${of}).getPort())`;
  return {
    rule: `!isURL(self) || !isURL(oldSelf) || (${host("self")}) == (${host("oldSelf")})`,
    message: `its host and port cannot be changed: ${advice}`,
  };
}

/** A pattern's source without the escapes that only a JavaScript literal needs. */
export function plainSource(pattern: RegExp): string {
  return pattern.source.replaceAll("\\/", "/");
}

function celString(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
