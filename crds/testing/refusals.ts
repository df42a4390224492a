import {
  AWS,
  AZURE,
  DIGEST,
  OTHER,
  aws,
  azure,
  batch,
  binding,
  ledger,
  other,
  reel,
  reelFrom,
} from "./objects.ts";
import type { Obj } from "./api.ts";

/** What is refused, and words of the answer that say what to do. */
export type Refusal = readonly [what: string, object: Obj, message: string];

const path = (value: string): Obj => reelFrom({ file: { path: value } });
const url = (value: string, rest: Record<string, unknown> = {}): Obj =>
  reelFrom({ http: { url: value, ...rest } });
const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

export const REEL_REFUSALS: readonly Refusal[] = [
  ["a name that is not the batch ID", reel({}, "d002"), "rename this object, e.g. D001 is named d001"],
  ["no batch ID", reel({ batchId: "" }, "x"), "spec.batchId"],
  [
    "a batch ID with an underscore",
    reel({ batchId: "D_1" }, "d-1"),
    "as printed on the reel: letters, digits",
  ],
  ["a batch ID that ends in a hyphen", reel({ batchId: "D1-" }, "d1"), "a letter or digit at both ends"],
  ["a batch ID that begins with a hyphen", reel({ batchId: "-D1" }, "d1"), "a letter or digit at both ends"],
  [
    "a batch ID of 64 characters",
    reel({ batchId: "D".repeat(64) }, "d".repeat(63)),
    "Too long: may not be more than 63",
  ],
  ["no source", reelFrom({}), "set exactly one source of the manifest: configMap, http, file or s3"],
  ["no source but a digest", reelFrom({ sha256: DIGEST }), "set exactly one source"],
  [
    "two sources",
    reelFrom({ file: { path: "a.csv" }, configMap: { name: "a", key: "a.csv" } }),
    "set exactly one source",
  ],
  [
    "a digest in upper case",
    reelFrom({ file: { path: "a" }, sha256: "AB".repeat(32) }),
    '"sha256sum FILE" prints it',
  ],
  [
    "a digest that is too short",
    reelFrom({ file: { path: "a" }, sha256: "abcd" }),
    '"sha256sum FILE" prints it',
  ],
  ["a format that nobody knows", reelFrom({ file: { path: "a" }, format: "Excel" }), "supported values"],
  [
    "signers that are no PEM",
    reelFrom({ file: { path: "a" }, signers: "MIIB" }),
    "must be one or more certificates in PEM",
  ],
  [
    "signers with a private key",
    reelFrom({
      file: { path: "a" },
      signers: `${PEM}-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n`,
    }),
    "take the private key out",
  ],
  ["an absolute path", path("/etc/passwd"), "relative path of a file below the mounted folder"],
  ["a path that leads out", path("../secrets/a.csv"), 'without "." or ".." as a part'],
  ["a path that leads out in the middle", path("a/../../b.csv"), 'without "." or ".." as a part'],
  ["a path that leads out at its end", path("a/.."), 'without "." or ".." as a part'],
  ["a path of a folder", path("2026/"), "relative path of a file"],
  ["a path with an empty part", path("2026//a.csv"), "relative path of a file"],
  ["a path with backslashes", path("..\\a.csv"), 'parts of a path are parted by "/"'],
  ["a path with a line break", path("a\nb.csv"), "must not hold control characters"],
  ["an empty path", path(""), "spec.manifest.file.path"],
  [
    "a key that no ConfigMap has",
    reelFrom({ configMap: { name: "a", key: "a/b" } }),
    "must be a key of a ConfigMap",
  ],
  ["an address without scheme", url("manifests.example.com/a.csv"), "begins with https://"],
  ["an address of another scheme", url("ftp://manifests.example.com/a.csv"), "begins with https://"],
  ["an address without host", url("https:///a.csv"), "begins with https:// (or http://) and a host"],
  [
    "an address with a password",
    url("https://me:secret@example.com/a.csv"),
    "put them into a Secret and name that",
  ],
  ["an address with a fragment", url("https://example.com/a.csv#row"), 'leave out "#"'],
  [
    "credentials in the clear",
    url("http://manifests.example.com/a.csv", { secretRef: { name: "login" } }),
    "must use https:// when secretRef is set",
  ],
  [
    "credentials in the clear to a host that only begins like this machine",
    url("http://127.0.0.1.example.com/a.csv", { secretRef: { name: "login" } }),
    "must use https:// when secretRef is set",
  ],
  [
    "trust without TLS",
    url("http://manifests.example.com/a.csv", { caBundle: PEM }),
    "use an https:// url, or leave caBundle out",
  ],
  [
    "a bucket that cannot be",
    reelFrom({ s3: { bucket: "My_Bucket", key: "a.csv", region: "eu-west-1" } }),
    "must be a bucket's name",
  ],
  [
    "a store without scheme",
    reelFrom({ s3: { bucket: "reels", key: "a.csv", region: "eu-west-1", endpoint: "s3.example.com" } }),
    "and a host, e.g. https://s3.example.com",
  ],
  [
    "a region in capitals",
    reelFrom({ s3: { bucket: "reels", key: "a.csv", region: "EU West" } }),
    "must be the name of a region",
  ],
  [
    "a reservation for what is no namespace",
    reel({ reservedFor: { namespace: "Acme" } }),
    "must be the name of a namespace",
  ],
];

export const CLOUD_API_REFUSALS: readonly Refusal[] = [
  ["a type without its block", aws({}, { type: "Azure" }), "azure when type is Azure, and not otherwise"],
  [
    "a block of another type beside it",
    aws({}, { azure: AZURE }),
    "azure when type is Azure, and not otherwise",
  ],
  [
    "all blocks at once",
    aws({}, { azure: AZURE, other: OTHER }),
    "other when type is Other, and not otherwise",
  ],
  ["a type in lower case", aws({}, { type: "aws" }), 'supported values: "AWS", "Azure", "Other"'],
  [
    "a long name",
    { ...aws(), metadata: { name: "a".repeat(64) } },
    "metadata.name must have at most 63 characters",
  ],
  ["an account ID with hyphens", aws({ accountId: "1234-5678-90" }), "12 digits without hyphens, in quotes"],
  ["an account ID that is a number", aws({ accountId: 123456789012 }), "must be of type string"],
  [
    "an address for an API Gateway ID",
    aws({ apiGatewayId: "a1.execute-api" }),
    "the output GatewayId of the stack",
  ],
  ["what is no region", aws({ region: "Ireland" }), "must be the name of an AWS region, e.g. eu-west-1"],
  ["a stage with a slash", aws({ stage: "/Prod" }), "without slashes, e.g. Prod"],
  [
    "an endpoint without scheme",
    aws({ endpoint: "gateway" }),
    "e.g. https://vpce-0a1b.execute-api.eu-west-1.vpce.amazonaws.com",
  ],
  [
    "an endpoint with a query",
    aws({ endpoint: "https://gateway.example.com/?a=b" }),
    "because a path is put behind it",
  ],
  [
    "an Azure address without scheme",
    azure({ interopUrl: "factory" }),
    "e.g. https://factory.azurewebsites.net/interop",
  ],
  ["an address without scheme", other({ url: "registry" }), "e.g. https://devices.example.com/interop"],
  ["an endpoint in the clear", aws({ endpoint: "http://gateway.example.com" }), "must use https://"],
  [
    "an Azure address in the clear",
    azure({ interopUrl: "http://f.azurewebsites.net/interop" }),
    "must use https://",
  ],
  [
    "a subscription ID that is none",
    azure({ subscriptionId: "my-subscription" }),
    "must be an Azure subscription ID",
  ],
  ["an address in the clear", other({ url: "http://registry.example.com/interop" }), "must use https://"],
  [
    "an address in the clear to a host that only ends like a Service",
    other({ url: "http://example-svc/interop" }),
    "must use https://",
  ],
  ["a password in the address", other({ url: "https://me:secret@example.com/" }), "put them into a Secret"],
  [
    "a port that goes without saying",
    other({ url: "https://example.com:443/x" }),
    "leave out :443 of https://",
  ],
  ["a cloud that is none of the three", other({ cloud: "Google" }), "supported values"],
  ["no credentials", other({ credentialsSecretRef: undefined }), "credentialsSecretRef: Required value"],
  ["a bundle of something else", aws({}, { caBundle: "MIIB" }), "one or more certificates in PEM"],
  [
    "a private key in the bundle",
    aws({}, { caBundle: `${PEM}-----BEGIN PRIVATE KEY-----\n` }),
    "take the private key out, and replace it where it is used",
  ],
  ["a ceiling of zero", aws({}, { limits: { devicesPerSecond: 0 } }), "greater than or equal to 1"],
  ["requests without end", aws({}, { limits: { maxInFlight: 257 } }), "less than or equal to 256"],
];

export const DEVICE_BATCH_REFUSALS: readonly Refusal[] = [
  ["no batch ID", batch({ batchId: undefined }), "spec.batchId: Required value"],
  ["a batch ID with a blank", batch({ batchId: "D 1" }), "as printed on the reel"],
  ["a cloud named twice", batch({ cloudApis: [{ name: "a" }, { name: "a" }] }), "Duplicate value"],
  [
    "17 clouds",
    batch({ cloudApis: Array.from({ length: 17 }, (_, index) => ({ name: `c${index}` })) }),
    "must have at most 16 items",
  ],
  ["a cloud of another namespace", batch({ cloudApis: [{ name: "globex/a" }] }), "must be an object's name"],
  ["a way of provisioning that nobody knows", batch({ provisioning: "Later" }), '"Automatic", "Manual"'],
  ["a policy that nobody knows", batch({ deletionPolicy: "Delete" }), '"Retain", "Deprovision"'],
  ["a slot that cannot be", batch({ certificateSlot: "0xE0E0!" }), "must be the name of a certificate slot"],
];

export const RECORD_REFUSALS: readonly Refusal[] = [
  [
    "a binding that is named otherwise",
    binding({}, "d002"),
    "the one object of that name is what binds the reel",
  ],
  ["more devices than entries", binding({ devices: 4 }), "devices cannot be the larger number"],
  ["a time that is none", binding({ boundAt: "yesterday" }), "spec.boundAt"],
  ["a binding without account", binding({ account: undefined }), "spec.account: Required value"],
  ["a ledger with data that is not base64", ledger({ data: "%%%" }), "spec.data"],
  ["a ledger with too much data", ledger({ data: "A".repeat(43_696) }), "spec.data: Too long"],
  [
    "a ledger of an unknown kind of target",
    ledger({ target: { key: "a", type: "GCP", cloudApi: "a" } }),
    "supported values",
  ],
  [
    "a ledger of a format that is no version",
    ledger({ format: "json" }),
    "must be a version of the format, e.g. v1",
  ],
  [
    "a part without devices",
    ledger({ chunk: { index: 0, first: 0, devices: 0 } }),
    "greater than or equal to 1",
  ],
];

/** What must stay as it is: the object, what is written over it, and words of the answer. */
export type Change = readonly [what: string, object: Obj, patch: Record<string, unknown>, message: string];

const ANOTHER_CLOUD = "Create another CloudApi for another cloud";
const OTHER_DIGEST = "ab".repeat(32);

export const IMMUTABLE: readonly Change[] = [
  ["a reel's batch ID", reel(), { batchId: "d001" }, "Create another Reel for another batch ID"],
  ["a cloud's type", aws(), { type: "Azure", aws: null, azure: AZURE }, ANOTHER_CLOUD],
  ["an AWS account", aws(), { aws: { accountId: "210987654321" } }, ANOTHER_CLOUD],
  ["an AWS region", aws(), { aws: { region: "us-east-1" } }, ANOTHER_CLOUD],
  [
    "an Azure subscription",
    azure(),
    { azure: { subscriptionId: AZURE.subscriptionId.replaceAll("5", "6") } },
    ANOTHER_CLOUD,
  ],
  [
    "the hub behind an Azure address",
    azure(),
    { azure: { interopUrl: "https://new.azurewebsites.net/interop" } },
    ANOTHER_CLOUD,
  ],
  [
    "the host of a callee",
    other(),
    { other: { url: "https://elsewhere.example.com/interop" } },
    ANOTHER_CLOUD,
  ],
  [
    "the port of another callee",
    other(),
    { other: { url: "https://registry.example.com:8443/interop" } },
    ANOTHER_CLOUD,
  ],
  ["a batch's batch ID", batch(), { batchId: "D002" }, "Create another DeviceBatch for another reel"],
  [
    "a binding's account",
    binding(),
    { account: "globex" },
    "delete its DeviceBatch and then this ReelBinding",
  ],
  ["a binding's batch ID", binding(), { batchId: "d001" }, "a binding is a record"],
  [
    "a binding's issuers",
    binding({ issuers: ["CN=One CA"] }),
    { issuers: ["CN=Another CA"] },
    "issuers cannot be changed",
  ],
  [
    "a binding's kinds of keys",
    binding({ keyTypes: ["P-256"] }),
    { keyTypes: null },
    "keyTypes cannot be changed",
  ],
  ["a binding's time", binding(), { boundAt: "2026-11-04T10:00:00Z" }, "a binding is a record"],
  [
    "the instant of its judgement",
    binding(),
    { evaluatedAt: "2026-11-04T10:00:00Z" },
    "a binding is a record",
  ],
  ["a binding's digest", binding(), { manifestSha256: OTHER_DIGEST }, "a binding is a record"],
  ["a binding's number of devices", binding(), { devices: 1 }, "a binding is a record"],
  ["a binding's number of entries", binding(), { records: 4 }, "a binding is a record"],
  [
    "the slot while a batch uses the reel",
    binding(),
    { certificateSlot: "E0E1" },
    "delete the DeviceBatch first",
  ],
  ["a ledger's reel", ledger(), { reel: "d002" }, "a ledger is a record"],
  ["a ledger's account", ledger(), { account: "globex" }, "a ledger is a record"],
  ["a ledger's target", ledger(), { target: { key: "AWS/123456789012/us-east-1" } }, "a ledger is a record"],
  ["a ledger's kind of target", ledger(), { target: { type: "Other" } }, "a ledger is a record"],
  ["a ledger's digest", ledger(), { manifestSha256: OTHER_DIGEST }, "a ledger is a record"],
  ["a ledger's slot", ledger(), { certificateSlot: "E0E1" }, "a ledger is a record"],
  ["a ledger's part", ledger(), { chunk: { first: 1 } }, "a ledger is a record"],
];

/** What may change. */
export const MUTABLE: readonly (readonly [what: string, object: Obj, patch: Record<string, unknown>])[] = [
  ["a reel's source", reel(), { manifest: { file: null, http: { url: "https://example.com/a.7z" } } }],
  [
    "a gateway that was deployed anew",
    aws(),
    { aws: { apiGatewayId: "zzzz", stage: "Live", endpoint: "https://e.example.com/x" } },
  ],
  ["an Azure address", azure(), { azure: { interopUrl: "https://factory.azurewebsites.net/v2/interop" } }],
  [
    "the case of a subscription ID",
    azure(),
    { azure: { subscriptionId: AZURE.subscriptionId.toUpperCase() } },
  ],
  ["the path of another callee", other(), { other: { url: "https://REGISTRY.example.com/v2/interop?x=/y" } }],
  [
    "a batch's clouds, policy and slot before it is bound",
    batch({ certificateSlot: "E0E0" }),
    { cloudApis: [{ name: "b" }], deletionPolicy: "Deprovision", certificateSlot: null },
  ],
  ["the batch of a binding", binding(), { batch: null, defaultCloudApi: "aws-eu" }],
  ["the slot together with the batch", binding(), { batch: "line-2", certificateSlot: "E0E1" }],
  [
    "a ledger's progress",
    ledger(),
    {
      data: "AAED",
      counts: { provisioned: 1, failed: 1 },
      target: { cloudApi: "aws-new" },
      request: "2",
      format: "v2",
    },
  ],
];

/** Admitted although they look unusual. */
export const ADMITTED: readonly (readonly [what: string, object: Obj])[] = [
  ["signers", reelFrom({ file: { path: "a" }, format: "MicrochipJson", signers: PEM })],
  ["a batch ID with hyphens", reel({ batchId: "0A09-1b5C" }, "0a09-1b5c")],
  ["dots in a path that lead nowhere", path("2026/..a/b..csv/...")],
  ["credentials to this machine", url("http://127.0.0.1:8080/a.csv", { secretRef: { name: "a" } })],
  ["credentials to a Service", url("http://files.store.svc:8080/a.csv", { secretRef: { name: "a" } })],
  ["http without credentials", url("http://manifests.example.com/a.csv")],
  ["an emulator on this machine", aws({ endpoint: "http://localhost:4566/restapis/a1/Prod/_user_request_" })],
  ["a callee by IPv6", other({ url: "http://[::1]:8443/interop" })],
  ["a region in China", aws({ region: "cn-north-1" })],
  ["a region of a government", aws({ region: "us-gov-west-1" })],
  ["an issuer without a name", binding({ batchId: "N001", issuers: ["", "CN=One CA"] }, "n001")],
  ["AWS behind user and password", other({ ...OTHER, cloud: "AWS" })],
  ["a batch with any name", batch({ batchId: AWS.accountId }, "line-7.week-45")],
];
