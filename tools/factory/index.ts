export { type ArchiveOptions, manifest7z } from "./archive.ts";
export {
  createIssuer,
  type DeviceRequest,
  type FactoryDevice,
  type IssuedCertificate,
  type Issuer,
} from "./issuer.ts";
export type { FactoryKeyType } from "./keys.ts";
export { type CertificateForm, manifestCsv, type ManifestOptions } from "./manifest.ts";
export { type DummyReel, DUMMY_REELS } from "./reels.ts";
export { issueServerCertificate, type ServerCertificate } from "./server.ts";
