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

/** The optional field is the same in both objects, or absent from both. */
export function unchanged(field: string, before: string, after: string): string {
  const [was, is] = [`${before}.${field}`, `${after}.${field}`];
  return `has(${was}) == has(${is}) && (!has(${was}) || ${was} == ${is})`;
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

// Addresses are taken apart by patterns, not by url(): the API server cannot bound the length of what url()
// gives, and refuses a rule that compares it as too costly.

/** The string is a whole http(s) address without credentials or fragment. */
export function webAddress(example: string): CelRule[] {
  return [
    {
      rule: "isURL(self) && self.matches('^https?://[^/?#]+(/|$)')",
      message: `must be a whole address that begins with https:// (or http://) and a host, e.g. ${example}`,
    },
    {
      rule: "!self.matches('^[a-zA-Z]+://[^/?#]*@')",
      message:
        "must not hold a user or password, because everyone who may read this object would see them: put them into a Secret and name that",
    },
    {
      rule: "!self.contains('#')",
      message: 'must not have a fragment: leave out "#" and what follows it',
    },
  ];
}

/** More path is put behind the address. */
export const WITHOUT_QUERY: CelRule = {
  rule: "!self.contains('?')",
  message: 'must not have a query, because a path is put behind it: leave out "?" and what follows it',
};

/** Credentials go to the address `of`: plain http only where the connection does not leave the machine or the cluster. */
export function noCredentialsInTheClear(of = "self"): CelRule {
  const inside = "localhost|127([.][0-9]{1,3}){3}|[[]::1]|[A-Za-z0-9.-]+[.]svc([.]cluster[.]local)?";
  return {
    rule: `!${of}.startsWith('http://') || ${of}.matches('^http://(${inside})(:[0-9]+)?(/|$)')`,
    message:
      "must use https://, because credentials are sent to it (http:// is for localhost and for Services of this cluster, *.svc, only)",
  };
}

/** The host of a URL stays what it is, its port included. */
export function sameHost(advice: string): CelRule[] {
  // From "://" to the next slash; 8 is behind the scheme's slashes and within the host at the latest.
  const host = (of: string): string =>
    `${of}.lowerAscii().substring(${of}.indexOf('://'), (${of} + '/').indexOf('/', 8))`;
  return [
    {
      rule: "!self.matches('^(https://[^/]*:443|http://[^/]*:80)(/|$)')",
      message:
        "must not name the port that its scheme has anyway: leave out :443 of https:// or :80 of http://",
    },
    {
      rule: `${host("self")} == ${host("oldSelf")}`,
      message: `The host and port cannot be changed: ${advice}`,
    },
  ];
}

/** A pattern's source without the escapes that only a JavaScript literal needs. */
export function plainSource(pattern: RegExp): string {
  return pattern.source.replaceAll("\\/", "/");
}

function celString(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
