/** What is said of two devices that bear one serial number, where a cloud names devices by it. */
export function collision(serial: string): string {
  return `another device of this reel bears the serial number ${serial}, and this cloud names devices by it; neither was sent`;
}

/** What is said of a device that failed earlier, whose own words are not known any more; by reason. */
export const EXPLAINED: Readonly<Record<string, string>> = {
  SerialCollision:
    "another device of this reel bears the same serial number, and this cloud names devices by it",
  CertificateNotDecodable: "the cloud could not decode the certificate",
  SerialRejected: "the cloud does not accept the certificate's serial number",
  ValidityRejected: "the cloud finds the certificate's validity out of range",
  ThumbprintRejected: "the cloud could not compute the certificate's thumbprint",
  RegistryRefused: "the cloud's registry refused the device again and again",
  RequestRefused: "the cloud refused a request that held this device alone",
  IdentityTaken: "the cloud has a device of this name with another certificate",
  NameRejected: "the cloud makes no name that it takes of this device",
  NotPermitted: "the cloud's own role lacks a right that it takes",
  QuotaExceeded: "the cloud has no room for more devices",
};
