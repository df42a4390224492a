/**
 * How many calls a second AWS lets an account make in a region, unless raised (all of these can be). From
 * docs.aws.amazon.com/general/latest/gr/iot-core.html#throttling-limits, as two public projects list them:
 * aws-iot-builder-tools/thingpress, doc/aws-api-limits.md (June 2025), and an export of Service Quotas. Some
 * regions have less.
 */
export const DEFAULT_CALLS_PER_SECOND = {
  RegisterCertificateWithoutCA: 10,
  DescribeCertificate: 10,
  ListThingPrincipals: 10,
  ListPrincipalThings: 10,
  GetPolicy: 10,
  AttachPolicy: 15,
  CreateThingGroup: 25,
  CreateThing: 100,
  UpdateThing: 100,
  DeleteThing: 100,
  AttachThingPrincipal: 100,
  DetachThingPrincipal: 100,
  AddThingToThingGroup: 100,
  RemoveThingFromThingGroup: 100,
  DescribeThing: 350,
} as const;

/** No call is made more than once for a device, pages apart, so the narrowest quota is the pace of all. */
export const DEFAULT_DEVICES_PER_SECOND = Math.min(...Object.values(DEFAULT_CALLS_PER_SECOND));

/** So many are under way at once that the pace is kept if a device takes a second: some five calls, each a fifth. */
export function concurrencyFor(devicesPerSecond: number): number {
  return Math.min(256, Math.max(4, Math.ceil(devicesPerSecond)));
}
