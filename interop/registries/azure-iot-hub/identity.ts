import { z } from "zod";

const thumbprint = z.string().nullish();

const x509Schema = z
  .looseObject({ primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint })
  .nullish();

/**
 * A device's identity (`Device` in the specification). All of it is kept: an update must send back what it
 * does not mean to reset.
 */
export const identitySchema = z.looseObject({
  deviceId: z.string(),
  etag: z.string().min(1),
  status: z.string(),
  authentication: z.looseObject({ type: z.string().nullish(), x509Thumbprint: x509Schema }).nullish(),
});

export type Identity = z.infer<typeof identitySchema>;

/** A device's twin, as far as it concerns us: it repeats the identity, and has the tags. */
export const twinSchema = z.object({
  deviceId: z.string(),
  /** The twin's own. */
  etag: z.string().min(1),
  /** The identity's. */
  deviceEtag: z.string().nullish(),
  status: z.string(),
  authenticationType: z.string().nullish(),
  x509Thumbprint: x509Schema,
  tags: z.record(z.string(), z.unknown()).nullish(),
});

export type Twin = z.infer<typeof twinSchema>;

/** A device of the hub, however it was read. */
export interface Device {
  readonly name: string;
  /** Of the identity, for `If-Match`. */
  readonly etag: string;
  readonly enabled: boolean;
  /** SHA-256 thumbprints that it may connect with, upper case; none if it does not connect by thumbprint. */
  readonly thumbprints: readonly string[];
  /** Both places for a thumbprint are filled. */
  readonly filled: boolean;
  /** What the twin says, if that is where it was read. */
  readonly twin?: Twin;
  /** What the registry says, if that is where it was read. */
  readonly identity?: Identity;
}

/** Thumbprints count only where the device connects by them: `sas` and `certificateAuthority` ignore them. */
const BY_THUMBPRINT = "selfsigned";

export function deviceOfIdentity(identity: Identity): Device {
  const { type, x509Thumbprint } = identity.authentication ?? {};
  return {
    name: identity.deviceId,
    etag: identity.etag,
    enabled: identity.status.toLowerCase() === "enabled",
    ...places(type, x509Thumbprint),
    identity,
  };
}

/** @returns nothing where the twin does not tell the identity's ETag: without it nothing could be changed */
export function deviceOfTwin(twin: Twin): Device | undefined {
  const { deviceEtag } = twin;
  if (deviceEtag === undefined || deviceEtag === null || deviceEtag === "" || deviceEtag === "null") {
    return undefined;
  }
  return {
    name: twin.deviceId,
    etag: deviceEtag,
    enabled: twin.status.toLowerCase() === "enabled",
    ...places(twin.authenticationType, twin.x509Thumbprint),
    twin,
  };
}

function places(
  type: string | null | undefined,
  x509: z.infer<typeof x509Schema>,
): Pick<Device, "thumbprints" | "filled"> {
  if (type?.toLowerCase() !== BY_THUMBPRINT) return { thumbprints: [], filled: false };
  const both = [x509?.primaryThumbprint, x509?.secondaryThumbprint].flatMap((each) =>
    each === undefined || each === null || each === "" ? [] : [each.toUpperCase()],
  );
  return { thumbprints: [...new Set(both)], filled: both.length === 2 };
}

/** What a device is told to connect with: one certificate in both places, or one in each. */
export function authenticationBy(thumbprints: readonly [string, ...string[]]): object {
  const [first, second = first] = thumbprints;
  return {
    type: "selfSigned",
    x509Thumbprint: { primaryThumbprint: first, secondaryThumbprint: second },
  };
}

/** Where the batch stands in a twin's tags; under a name of our own, for `tags` is everybody's. */
const TAGS_ROOM = "certferry";

export function tagsFor(batch: string): Record<string, unknown> {
  return { [TAGS_ROOM]: { batch } };
}

export function batchInTags(tags: Twin["tags"]): unknown {
  const room = tags?.[TAGS_ROOM];
  return typeof room === "object" && room !== null && "batch" in room ? room.batch : undefined;
}
