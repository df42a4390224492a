/**
 * The texts of interop v1, to the letter. Callees in the field send them and callers compare them, so
 * none may be corrected (one is misspelt).
 */

/** `message` of an entry with status ERROR in the answer to `provision`. */
export const ENTRY_MESSAGES = {
  certificateUndecodable: "Cannot decode certitifcate",
  serialUnusable:
    "Certificate serial cannot be decoded or is incorrect (only alphanumeric/hyphen/underscore)",
  validityOutOfRange: "Certificate notBefore or notAfter is out of range",
  expirationUndecodable: "Certificate expiration cannot be decoded",
  thumbprintFailed: "Cannot get thumbprint",
  registrationFailed: "Failed creating and registering thing",
} as const;

/**
 * What Certferry's own registries say where v1 would have reported SUCCESS and lost a device: the name
 * (made of the serial number) is taken by another certificate. A v1 caller reads it as any other text.
 */
export const COLLISION_MESSAGES = {
  aws: "Thing exists with another certificate",
  azure: "Device exists with another certificate",
} as const;

/** `error` of a 401 with bearer authentication. */
export const AUTH_MESSAGES = {
  missingHeader: "Missing Authorization Header",
  notTwoWords: "Token invalid",
  notBearer: "Authorization Header must contain Bearer Token",
  noVerifier: "Error creating token verifier",
  noAudience: "Audience not configured",
  notVerified: "Cannot verify and decode token",
} as const;

/** `error` of a 401 with basic authentication (type Other; v1 names no texts for it). */
export const BASIC_AUTH_MESSAGES = {
  notBasic: "Authorization Header must contain Basic Credentials",
  refused: "Cannot verify credentials",
} as const;

export const NOT_YET_IMPLEMENTED = "Not yet implemented.";
export const DEFAULT_TOPIC = "iqs";
export const COMPATIBILITY_VERSION = 1;

/** Largest request body in bytes (25 MB as HTTP servers count it). */
export const MAX_REQUEST_BYTES = 25 * 1024 * 1024;
