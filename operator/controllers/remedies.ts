/** What people can do about a reason, and who. */
export interface Remedy {
  /** Who can mend it; nobody, where nothing is wrong or it mends itself. */
  readonly whose: string;
  /** What to do, and whether it goes on by itself then. */
  readonly todo: string;
}

/** For each reason, in the words of docs/troubleshooting.md (a test compares the two). */
export const REMEDIES: Readonly<Record<string, Remedy>> = {
  AccountNotServed: {
    whose: "administrator",
    todo: "serve the account again, or delete the batch and take spec.batch out of the binding. Until then the binding is kept",
  },
  AddressInvalid: { whose: "account", todo: "correct that field. Looked at again at once" },
  AlreadyBound: {
    whose: "account",
    todo: "check the batch ID. Should it be yours, an administrator releases it there, and it is bound by itself; else delete this batch",
  },
  AmbiguousDefault: {
    whose: "account",
    todo: "leave it on one, or name a CloudApi in the batch's spec.cloudApis. Goes on by itself then",
  },
  ArchiveUnreadable: {
    whose: "keeper of the reels",
    todo: "get the file again from the vendor, put it in the source's place",
  },
  Available: { whose: "nobody", todo: "nothing: a batch may bind it" },
  BadAnswer: {
    whose: "cloud",
    todo: "see the cloud's log. Asked again by itself; what was sent is sent again, which is safe",
  },
  BadRequest: {
    whose: "cloud",
    todo: "requests are halved by themselves until one device is alone. If that is refused too, see RequestRefused",
  },
  BindingChanging: { whose: "nobody", todo: "wait: looked at again by itself" },
  BindingReleased: {
    whose: "administrator",
    todo: "delete this batch to release the reel. A batch of another account that waits binds it by itself then",
  },
  Bound: { whose: "nobody", todo: "nothing" },
  BoundOnly: { whose: "nobody", todo: "nothing; name clouds in spec.cloudApis to have its devices sent" },
  CacheFull: {
    whose: "administrator",
    todo: "wait; if it lasts, give the volume of --data-dir more room. Tried again by itself",
  },
  CertificateExpired: { whose: "vendor", todo: "take it up with the vendor; the other entries go on" },
  CertificateNotDecodable: { whose: "cloud, vendor", todo: "see the cloud's log; then provision again" },
  CertificateNotYetValid: { whose: "vendor", todo: "check the operator's clock; take it up with the vendor" },
  CertificateRejected: { whose: "cloud, vendor", todo: "see the cloud's log; then provision again" },
  CertificateSlotChanged: {
    whose: "account",
    todo: "set spec.certificateSlot to the one that the message names",
  },
  CertificateUnreadable: { whose: "vendor", todo: "take it up with the vendor; the other entries go on" },
  CertificateUntrusted: {
    whose: "account, cloud",
    todo: "name the CA in spec.caBundle, or mend the certificate there. Tried again by itself",
  },
  ChainInsteadOfLeaf: { whose: "vendor", todo: "take it up with the vendor; the other entries go on" },
  CheckHindered: {
    whose: "see the reason in the message",
    todo: "mend what that reason says; the cloud is asked again by itself",
  },
  CloudApiNotFound: {
    whose: "account",
    todo: "create it, or change spec.cloudApis. Goes on by itself then",
  },
  CloudBlocked: {
    whose: "see the cloud's reason",
    todo: "the message names the clouds with their reasons, and each one's line in status.clouds says what to do and when it is tried next",
  },
  CloudBusy: {
    whose: "nobody",
    todo: "wait: they get there more slowly. A higher quota there makes it faster",
  },
  CloudRefused: {
    whose: "cloud",
    todo: "wait: after eight times they count as failed (Unknown). See the cloud's log",
  },
  Connected: { whose: "nobody", todo: "nothing" },
  ConnectionBroken: {
    whose: "network, cloud",
    todo: "tried again by itself; if it lasts, look at proxies and firewalls on the way",
  },
  ConnectionRefused: {
    whose: "cloud, account",
    todo: "check the fields that the message names, and that the cloud runs. Tried again by itself",
  },
  ContainsPrivateKey: {
    whose: "vendor",
    todo: "take it out, and see to it that the key is replaced: it must not have been in this file. Nothing of the file is kept",
  },
  Contested: {
    whose: "keeper of the reels",
    todo: "set spec.reservedFor of the Reel; kubectl get batch -A shows who asks. Bound by itself then",
  },
  CredentialsInvalid: {
    whose: "account",
    todo: "correct the Secret that the message names. Looked at again by itself",
  },
  CredentialsNotFound: { whose: "account", todo: "create it. Looked at again by itself" },
  DeprovisionBlocked: {
    whose: "see the cloud's reason",
    todo: "mend what the message says; or take them out there and set spec.deletionPolicy to Retain",
  },
  DeprovisionUnsupported: {
    whose: "cloud, account",
    todo: "take them out there, then set spec.deletionPolicy to Retain",
  },
  Deprovisioned: { whose: "nobody", todo: "nothing" },
  Deprovisioning: { whose: "nobody", todo: "wait" },
  DevicesActive: { whose: "nobody", todo: "nothing" },
  DevicesDiffer: {
    whose: "account, cloud",
    todo: "find out who took them out there, or locked them out. If nobody means it so, provision again: that puts them right, and lets in again every device that was locked out, on purpose or not. Another certificate that holds a device's name must be removed there first",
  },
  DevicesFailed: {
    whose: "see the devices' reasons",
    todo: "status.failures names the first ten with their reasons; mend that, then provision again",
  },
  DevicesLeftBehind: { whose: "account", todo: "take them out there; the message says where" },
  DigestMismatch: {
    whose: "keeper of the reels",
    todo: "put the right file there, or correct sha256 of a reel that is not bound. Tried again by itself",
  },
  DuplicateCertificate: { whose: "vendor", todo: "usually nothing: the earlier one goes on" },
  DuplicateDevice: { whose: "vendor", todo: "take it up with the vendor; the earlier one goes on" },
  EgressRefused: {
    whose: "administrator, account",
    todo: "correct the fields that the message names, or open the range with --egress-allow-cidr",
  },
  Healed: { whose: "nobody", todo: "nothing" },
  IdentityTaken: { whose: "account", todo: "remove that one there, then provision again" },
  InternalError: {
    whose: "Certferry",
    todo: "see its log at this time, and report it. Tried again by itself",
  },
  InvalidDeviceId: { whose: "vendor", todo: "take it up with the vendor; the other entries go on" },
  InvalidSerial: { whose: "vendor", todo: "take it up with the vendor; the other entries go on" },
  InvalidSigners: { whose: "keeper of the reels", todo: "correct the field that the message names" },
  KeyRotated: { whose: "nobody", todo: "nothing" },
  KeyRotationWaiting: {
    whose: "account",
    todo: "give the clouds that the message names the key set of ConfigMap certferry-jwks",
  },
  LeaseNotRenewed: { whose: "cluster", todo: "wait; if it lasts, see the runbook CertferryNoLeader" },
  LedgerNotWritten: {
    whose: "cluster",
    todo: "see the message, and the API server's health. Goes on by itself",
  },
  LedgerUnreadable: {
    whose: "administrator",
    todo: "run the newer operator, restore the ledger from a backup, or delete it as the message says. Nothing is sent until then",
  },
  ManifestChanged: {
    whose: "keeper of the reels",
    todo: "put the earlier manifest back; the message names both digests",
  },
  ManifestEmpty: { whose: "keeper of the reels", todo: "get the file again" },
  ManifestTooLarge: {
    whose: "administrator, vendor",
    todo: "raise --max-manifest-mib, or take it up with the vendor; the message says which",
  },
  MissingDeviceId: { whose: "vendor", todo: "take it up with the vendor; the other entries go on" },
  NameNotResolved: {
    whose: "account, network",
    todo: "check the fields that the message names, then the cluster's DNS. Tried again by itself",
  },
  NameRejected: {
    whose: "cloud",
    todo: "see THING_NAME_TEMPLATE of the product cloud; then provision again",
  },
  NoAnswer: { whose: "cloud", todo: "wait: they are sent again. If it lasts, see the cloud's log" },
  NoCertificate: {
    whose: "vendor",
    todo: "check spec.certificateSlot of the batch; take it up with the vendor",
  },
  NoDefaultCloudApi: {
    whose: "account",
    todo: "set spec.default on a CloudApi, or name one in spec.cloudApis. Goes on by itself then",
  },
  NoUsableDevices: { whose: "vendor", todo: "status.quarantined names the first ten with their reasons" },
  NotALeaf: { whose: "vendor", todo: "take it up with the vendor; the other entries go on" },
  NotAManifest: {
    whose: "keeper of the reels",
    todo: "look at the file; correct the source, or spec.manifest.format",
  },
  NotAllowed: {
    whose: "keeper of the reels, administrator",
    todo: "the message has the policy's words: have them allowed, and it is bound by itself; else delete this batch",
  },
  NotAnInteropEndpoint: {
    whose: "account",
    todo: "check the fields that the message names (path, stage). Tried again by itself",
  },
  NotPermitted: { whose: "cloud", todo: "its log says which; mend it, then provision again" },
  NotProbedYet: { whose: "nobody", todo: "wait: seconds, as a rule" },
  OnlyDefault: { whose: "nobody", todo: "nothing" },
  PasswordRequired: { whose: "keeper of the reels", todo: "give it as the message says" },
  PolicyMissing: {
    whose: "cloud",
    todo: "give the cloud's stack the policy that it should attach (IOT_POLICY). Tried again by itself",
  },
  Provisioned: { whose: "nobody", todo: "nothing" },
  Provisioning: {
    whose: "nobody",
    todo: "wait: the message says until when, where that can be said; status.clouds has each cloud's pace and what limits it",
  },
  Quarantined: { whose: "vendor", todo: "status.quarantined names the first ten with their reasons" },
  QuotaExceeded: { whose: "cloud", todo: "raise its quota or tier, then provision again" },
  ReadingManifest: { whose: "nobody", todo: "wait" },
  ReelNotFound: {
    whose: "keeper of the reels, account",
    todo: "check the ID, or have the Reel added (again, with the same manifest). Goes on by itself then",
  },
  ReelNotReady: { whose: "keeper of the reels", todo: "see the Reel. Bound by itself when that is mended" },
  RegistryRefused: { whose: "cloud", todo: "see the cloud's log, then provision again" },
  RequestRefused: { whose: "cloud", todo: "see the cloud's log, then provision again" },
  Reserved: {
    whose: "keeper of the reels, account",
    todo: "have it changed, and it is bound by itself; else delete this batch",
  },
  RowUnreadable: { whose: "vendor", todo: "take it up with the vendor; the other entries go on" },
  SerialCollision: {
    whose: "vendor",
    todo: "take it up with the vendor, or use a cloud that names devices otherwise",
  },
  SerialRejected: { whose: "cloud, vendor", todo: "see the cloud's log" },
  ServerError: { whose: "cloud", todo: "see the cloud's log. Tried again by itself" },
  SignatureInvalid: { whose: "vendor", todo: "take it up with the vendor; the other entries go on" },
  SignerNotValid: {
    whose: "vendor, keeper of the reels",
    todo: "check the reel's signers; take it up with the vendor",
  },
  SignerUnknown: {
    whose: "vendor, keeper of the reels",
    todo: "check the reel's signers; take it up with the vendor",
  },
  SigningKeyMissing: {
    whose: "administrator",
    todo: "restore the Secret; or see the runbook CertferrySigningKeyMissing",
  },
  SlotNotFound: { whose: "account", todo: "correct spec.certificateSlot of the batch" },
  SourceNotAllowed: {
    whose: "keeper of the reels, administrator",
    todo: "use another source, or open this one: the message says what is closed",
  },
  SourceUnavailable: {
    whose: "keeper of the reels",
    todo: "restore what the message names. Tried again by itself",
  },
  StillInUse: { whose: "account", todo: "do what the message says, or wait until the batch is gone" },
  Suspended: { whose: "account", todo: "set spec.suspend to false when work may go on" },
  TakenUp: { whose: "nobody", todo: "nothing" },
  Throttled: { whose: "nobody", todo: "wait: the pace follows. A higher quota there makes it faster" },
  ThumbprintRejected: { whose: "cloud", todo: "see the cloud's log" },
  Timeout: {
    whose: "cloud, network",
    todo: "tried again by itself, with smaller requests. If it lasts, see the cloud's log, and the way there",
  },
  Unauthorized: {
    whose: "account, cloud",
    todo: "correct what the message names, or have the cloud accept it. Tried again by itself",
  },
  Unknown: { whose: "cloud", todo: "see the cloud's log, then provision again" },
  UnsupportedKey: { whose: "vendor", todo: "take it up with the vendor; the other entries go on" },
  ValidityRejected: { whose: "cloud, vendor", todo: "see the cloud's log" },
  WeakKey: { whose: "vendor", todo: "take it up with the vendor; the other entries go on" },
  WrongGroup: {
    whose: "vendor, keeper of the reels",
    todo: "check that this is the right file for the reel; the other entries go on",
  },
};

/**
 * A message with whose matter it is and what to do, once; as it is where nothing is to be done.
 * @param todo what to do here, where the reason's own does not fit
 */
export function withRemedy(reason: string, message: string, todo?: string): string {
  const usual = REMEDIES[reason];
  const remedy = usual === undefined || todo === undefined ? usual : { ...usual, todo };
  if (remedy === undefined || remedy.todo === "nothing" || message.includes(remedy.todo)) return message;
  const whose = remedy.whose === "nobody" ? "" : `Whose matter: ${remedy.whose}. `;
  return `${ended(message)} ${whose}What to do: ${remedy.todo}`;
}

/** A text to which a sentence may be added. */
export function ended(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}
