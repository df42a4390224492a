export { type ArchiveOptions, manifest7z, pack7z, type PackOptions } from "./archive.ts";
export {
  espressifCsv,
  type EspressifCsvOptions,
  type EspressifModule,
  espressifModules,
} from "./espressif.ts";
export {
  type Authority,
  createIssuer,
  type DeviceRequest,
  type FactoryDevice,
  type IssuedCertificate,
  type Issuer,
} from "./issuer.ts";
export type { FactoryKeyType } from "./keys.ts";
export { type CertificateForm, manifestCsv, type ManifestOptions } from "./manifest.ts";
export {
  createLogSigner,
  type FlattenedJws,
  type JwsOptions,
  type LogSigner,
  microchipJson,
  microchipJws,
  microchipUniqueId,
} from "./microchip.ts";
export {
  OPTIGA_SLOTS,
  optigaArchive,
  optigaArchiveName,
  type OptigaArchiveOptions,
  type OptigaReel,
  optigaReel,
  type OptigaSlot,
  optigaSlotArchive,
} from "./optiga.ts";
export { type DummyReel, DUMMY_REELS } from "./reels.ts";
export { issueServerCertificate, type ServerCertificate } from "./server.ts";
