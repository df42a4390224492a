import { join } from "node:path";
import type { ManifestSource, Reel } from "../../../crds/index.ts";
import { batchIdFrom } from "../../../desk/batch-id.ts";
import { packSevenZip } from "../../../desk/manifests/seven-zip.ts";
import { type ManifestWorkshop, smallFile } from "../../../desk/manifests/workshop.ts";
import { CONFIG_MAP_BYTES, manifestConfigMap, newReel } from "../../../desk/reels/new-reel.ts";
import { EgressPolicy } from "../../../interop/egress/policy.ts";
import type { ConfigMap } from "../../../operator/accounts/core-kinds.ts";
import { isAlreadyExists } from "../../../operator/runtime/api-error.ts";
import type { ResourceClient } from "../../../operator/runtime/client.ts";
import { apiPath, type KubeObject } from "../../../operator/runtime/objects.ts";
import { openLocalWorkshop } from "../../cluster/bound-reel.ts";
import { atCluster, type Session } from "../../cluster/session.ts";
import type { Context } from "../../context.ts";
import { CliError, EXIT, type ExitCode } from "../../exit.ts";
import type { Io } from "../../io.ts";
import { type MachineFormat, objectText } from "../../output/objects.ts";
import { count } from "../../output/words.ts";
import { type Examined, examine, readPem, summaryLines } from "./examine.ts";

export interface ReelAddOptions {
  readonly batch: string;
  /** `s3://bucket/key`: uploaded there. */
  readonly s3?: string;
  readonly region?: string;
  readonly endpoint?: string;
  /** A Secret in the operator's namespace that the operator reads the source with. */
  readonly sourceSecret?: string;
  /** Where the same file is on a web server. */
  readonly url?: string;
  /** Where the same file is below the operator's folder of manifests. */
  readonly path?: string;
  readonly reserveFor?: string;
  readonly slot?: string;
  /** A file with the certificates of log signers, in PEM. */
  readonly signers?: string;
  readonly operatorNamespace: string;
  readonly dryRun?: boolean;
  readonly output?: MachineFormat;
}

/** Declares a reel from a manifest of any format: looks through it, puts it where the operator reads it, makes the Reel. */
export async function reelAdd(context: Context, file: string, options: ReelAddOptions): Promise<ExitCode> {
  const batchId = batchIdFrom(options.batch);
  const placed = [options.s3, options.url, options.path].filter((each) => each !== undefined);
  if (placed.length > 1) throw new CliError(EXIT.usage, "give one of --s3, --url and --path");
  refuseUnused(options);
  const { io, signal } = context;
  const s3 = options.s3 === undefined ? undefined : s3Place(options.s3, options, io.env);
  const signers = await readPem(options.signers);
  await using workshop = await openLocalWorkshop();
  const examined = await examine(context, workshop, { file, batchId, slot: options.slot, signers });
  for (const line of summaryLines(examined)) await io.stderr.write(`${line}\n`);
  const { source, configMap } = await sourceOf(batchId, examined, { workshop, options, s3, signal });
  const reel = newReel(
    batchId,
    { ...source, ...(signers === undefined ? {} : { signers }) },
    options.reserveFor,
  );
  return await atCluster(context, async (session) => {
    const made = await declare(session, { reel, configMap, examined }, options, signal);
    if (options.output === undefined) {
      const how = options.dryRun === true ? "would be declared" : "is declared";
      const where =
        configMap === undefined ? "" : ` (ConfigMap ${options.operatorNamespace}/${configMap.metadata.name})`;
      await io.stderr.write(
        `Reel ${batchId} ${how}${where}. To bind it: ${io.program} bind ${batchId} -n ACCOUNT\n`,
      );
    } else await io.stdout.write(objectText(made, options.output));
    return EXIT.ok;
  });
}

/** What would be of no effect was meant to have one. */
function refuseUnused({ s3, url, region, endpoint, sourceSecret }: ReelAddOptions): void {
  const belongs = (option: string, to: string): CliError =>
    new CliError(EXIT.usage, `${option} belongs to ${to}`);
  if (s3 === undefined && region !== undefined) throw belongs("--region", "--s3");
  if (s3 === undefined && endpoint !== undefined) throw belongs("--endpoint", "--s3");
  if (s3 === undefined && url === undefined && sourceSecret !== undefined) {
    throw belongs("--source-secret", "--s3 or --url");
  }
}

type S3Place = NonNullable<ManifestSource["s3"]>;

interface Placed {
  readonly source: ManifestSource;
  readonly configMap?: ConfigMap;
}

async function sourceOf(
  batchId: string,
  examined: Examined,
  o: {
    workshop: ManifestWorkshop;
    options: ReelAddOptions;
    s3: S3Place | undefined;
    signal: AbortSignal;
  },
): Promise<Placed> {
  const { options, s3 } = o;
  const { sha256, converted } = examined;
  if (s3 !== undefined) return { source: { s3, sha256 } };
  if (converted && (options.url !== undefined || options.path !== undefined)) {
    // Elsewhere the file is as the vendor made it, and the operator takes the certificates alone.
    throw new CliError(
      EXIT.usage,
      "this archive is handed on as a table of its certificates, which is not what stands at --url or --path",
      "Declare the vendor's archive by a Reel of your own (docs/reel.md): the operator reads the certificates alone",
    );
  }
  if (options.url !== undefined) {
    return { source: { http: { url: options.url, ...secretRefOf(options) }, sha256 } };
  }
  if (options.path !== undefined) return { source: { file: { path: options.path }, sha256 } };
  return await inConfigMap(batchId, examined, o);
}

function secretRefOf({ sourceSecret }: ReelAddOptions): { secretRef?: { name: string } } {
  return sourceSecret === undefined ? {} : { secretRef: { name: sourceSecret } };
}

/** The object that is uploaded, and that the operator reads: what the environment adds stands in the Reel. */
function s3Place(url: string, options: ReelAddOptions, env: Io["env"]): S3Place {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.*[^/])$/.exec(url) ?? [];
  const region = options.region ?? firstOf(env, "AWS_REGION", "AWS_DEFAULT_REGION");
  const endpoint = options.endpoint ?? firstOf(env, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
  if (bucket === undefined || key === undefined) {
    throw new CliError(
      EXIT.usage,
      `${url} names no object`,
      "Give bucket and key: --s3 s3://reel-manifests/2026/d001.7z",
    );
  }
  if (region === undefined) {
    throw new CliError(EXIT.usage, "--s3 needs the bucket's region", "Give --region, or set AWS_REGION");
  }
  if (endpoint !== undefined && options.sourceSecret === undefined) {
    const from = options.endpoint === undefined ? "the environment's AWS_ENDPOINT_URL" : "--endpoint";
    throw new CliError(
      EXIT.usage,
      `the operator cannot read a bucket at ${from} without credentials of its own for it: its own identity is for AWS alone`,
      "Give --source-secret, a Secret in the operator's namespace with the keys accessKeyId and secretAccessKey",
    );
  }
  return { bucket, key, region, ...(endpoint === undefined ? {} : { endpoint }), ...secretRefOf(options) };
}

function firstOf(env: Io["env"], ...names: readonly string[]): string | undefined {
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== "");
}

/** As it is where it fits, else packed: a table of certificates becomes a third of its size. */
async function inConfigMap(
  batchId: string,
  { path, extension, sha256 }: Examined,
  { workshop, options, signal }: { workshop: ManifestWorkshop; options: ReelAddOptions; signal: AbortSignal },
): Promise<Placed> {
  const asIs = await smallFile(path, CONFIG_MAP_BYTES);
  const of = (content: Buffer, kind: string, digest: string): Placed => {
    const configMap = manifestConfigMap(batchId, options.operatorNamespace, `manifest.${kind}`, content);
    const { name } = configMap.metadata;
    return { source: { configMap: { name, key: `manifest.${kind}` }, sha256: digest }, configMap };
  };
  if (asIs !== undefined) return of(asIs, extension, sha256);
  if (extension !== "7z") {
    const output = join(workshop.folder, "packed.7z");
    await packSevenZip({ input: path, name: `${batchId}.${extension}`, output }, signal);
    const packed = await smallFile(output, CONFIG_MAP_BYTES);
    if (packed !== undefined) {
      return of(packed, "7z", (await workshop.file(output, undefined, signal)).sha256);
    }
  }
  throw new CliError(
    EXIT.refused,
    `the manifest is larger than a ConfigMap may be (${count(CONFIG_MAP_BYTES)} bytes), packed too`,
    "Upload it to a bucket: --s3 s3://BUCKET/KEY --region REGION\nOr put it where the operator can fetch it, and name that: --url URL, or --path PATH below its folder of manifests",
  );
}

async function declare(
  session: Session,
  { reel, configMap, examined }: { reel: Reel; configMap: ConfigMap | undefined; examined: Examined },
  options: ReelAddOptions,
  signal: AbortSignal,
): Promise<Reel> {
  // Asked before anything is made, so that nothing is left half done for want of a right.
  const checked = await create(session, session.reels, reel, true, signal);
  if (configMap !== undefined) await create(session, session.configMaps, configMap, true, signal);
  if (options.dryRun === true) return checked;
  if (configMap !== undefined) await create(session, session.configMaps, configMap, false, signal);
  const place = reel.spec.manifest.s3;
  if (place !== undefined) {
    const { uploadManifest } = await import("../../../desk/reels/upload.ts");
    await uploadManifest(
      examined.path,
      place,
      new EgressPolicy({ allowCidrs: ["0.0.0.0/0", "::/0"] }),
      signal,
    );
  }
  return await create(session, session.reels, reel, false, signal);
}

async function create<T extends KubeObject>(
  { client }: Session,
  { kind }: ResourceClient<T>,
  object: T,
  dryRun: boolean,
  signal: AbortSignal,
): Promise<T> {
  const { namespace, name } = object.metadata;
  const path = apiPath(kind, namespace === undefined ? {} : { namespace });
  const query = dryRun ? { dryRun: "All" } : {};
  try {
    return (await client.request({ method: "POST", path, body: object, query }, signal)) as T;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const at = namespace === undefined ? name : `${namespace}/${name}`;
    throw new CliError(
      EXIT.refused,
      `there is a ${kind.kind} ${at} already`,
      kind.kind === "Reel"
        ? `A reel is declared once. See it: kubectl get reel ${name}`
        : `It may be left from a reel that was deleted. Look at it, and delete it: kubectl delete configmap ${name} -n ${namespace ?? ""}`,
    );
  }
}
