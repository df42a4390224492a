import { createReadStream } from "node:fs";
import { mkdtemp, open, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { ManifestSource } from "../../crds/index.ts";
import type { ConfigMap, Secret } from "../../operator/accounts/core-kinds.ts";
import { PREPARED_MARK } from "../../operator/manifests/archives/prepared/layout.ts";
import {
  type EgressPolicy,
  ManifestError,
  ManifestStore,
  type StoredManifest,
} from "../../operator/manifests/index.ts";
import type { ResourceClient } from "../../operator/runtime/client.ts";

/** Where reels' ConfigMaps and Secrets are, and with whose rights they are read. */
export interface ManifestAccess {
  readonly configMaps: Pick<ResourceClient<ConfigMap>, "find">;
  readonly secrets: Pick<ResourceClient<Secret>, "find">;
  readonly operatorNamespace: string;
}

/** A path of this machine that leads to no file that can be read. */
export class LocalFileError extends Error {
  override readonly name = "LocalFileError";
}

const MAX_BYTES = 4 * 1024 ** 3;
/** What is fetched, and what is unpacked of it. */
const CACHE_BYTES = 4 * MAX_BYTES;

/**
 * A temporary folder in which manifests are taken in with the operator's own readers: archives are unpacked in a
 * thread, keys in them are never stored, private keys are refused. It goes when it is closed.
 */
export class ManifestWorkshop implements AsyncDisposable {
  readonly folder: string;
  readonly #access: ManifestAccess | undefined;
  readonly #egress: EgressPolicy;

  private constructor(folder: string, egress: EgressPolicy, access: ManifestAccess | undefined) {
    this.folder = folder;
    this.#egress = egress;
    this.#access = access;
  }

  /** @param access without it, only local files can be taken in */
  static async open(o: { egress: EgressPolicy; access?: ManifestAccess }): Promise<ManifestWorkshop> {
    const folder = await mkdtemp(join(tmpdir(), "certferry-manifest-"));
    return new ManifestWorkshop(folder, o.egress, o.access);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  /**
   * Takes in a file of this machine.
   * @param sha256 the digest that it must have
   * @throws LocalFileError, ManifestError
   */
  async file(path: string, sha256: string | undefined, signal: AbortSignal): Promise<StoredManifest> {
    const real = await realpath(path).catch((cause: unknown) => {
      const code: unknown = cause instanceof Error ? Reflect.get(cause, "code") : undefined;
      const why = code === "ENOENT" ? "does not exist" : `cannot be read (${String(code)})`;
      throw new LocalFileError(`the file ${path} ${why}`, { cause });
    });
    const source = { file: { path: basename(real) }, ...(sha256 === undefined ? {} : { sha256 }) };
    return await this.#store(dirname(real)).fetch(source, {}, signal);
  }

  /**
   * Takes in what a reel's source holds, as far as it can be reached from here.
   * @param sha256 the digest of the manifest that the reel is bound with; undefined while it is not
   * @throws ManifestError; its cause is the ApiError where a right is missing
   */
  async source(
    source: ManifestSource,
    sha256: string | undefined,
    signal: AbortSignal,
  ): Promise<StoredManifest> {
    if (source.file !== undefined) {
      throw new ManifestError(
        "SourceNotAllowed",
        `the manifest is the file ${JSON.stringify(source.file.path)} in a folder of the operator's own, which cannot be reached from here`,
      );
    }
    const { sha256: declared, ...place } = source;
    const stored = await this.#store().fetch(sha256 === undefined ? source : place, {}, signal);
    if (sha256 === undefined || stored.sha256 === sha256) return stored;
    await stored.release();
    throw new ManifestError(
      "DigestMismatch",
      `the source now holds a manifest with SHA-256 ${stored.sha256}, but the reel was bound with ${sha256}${declared === undefined ? "" : `, and its spec says ${declared}`}`,
    );
  }

  #store(fileRoot?: string): ManifestStore {
    const access = this.#access;
    return new ManifestStore({
      dir: join(this.folder, "store"),
      maxBytes: CACHE_BYTES,
      maxManifestBytes: MAX_BYTES,
      limits: { maxContentBytes: MAX_BYTES },
      ...(fileRoot === undefined ? {} : { fileRoot }),
      readConfigMap: (name, key, signal) => readConfigMap(access, name, key, signal),
      readSecret: (name, signal) => readSecret(access, name, signal),
      egress: this.#egress,
    });
  }
}

async function readConfigMap(
  access: ManifestAccess | undefined,
  name: string,
  key: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const namespace = access?.operatorNamespace;
  const found = namespace && (await access?.configMaps.find({ namespace, name }, signal));
  const text = found ? found.data?.[key] : undefined;
  if (text !== undefined) return Buffer.from(text, "utf8");
  const binary = found ? found.binaryData?.[key] : undefined;
  if (binary !== undefined) return Buffer.from(binary, "base64");
  throw new ManifestError(
    "SourceUnavailable",
    `ConfigMap ${namespace ?? ""}/${name} ${found ? `has no key ${key}` : "does not exist"}`,
  );
}

async function readSecret(
  access: ManifestAccess | undefined,
  name: string,
  signal: AbortSignal,
): Promise<Record<string, Uint8Array>> {
  const namespace = access?.operatorNamespace;
  const found = namespace && (await access?.secrets.find({ namespace, name }, signal));
  if (!found) {
    throw new ManifestError("SourceUnavailable", `Secret ${namespace ?? ""}/${name} does not exist`);
  }
  return Object.fromEntries(
    Object.entries(found.data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64")]),
  );
}

/**
 * Whether a manifest that was taken in is an archive of archives, of which the certificates alone were kept: the
 * original may hold an archive of keys, and must not be handed on as it is.
 */
export async function isPrepared({ path }: StoredManifest): Promise<boolean> {
  await using file = await open(path, "r");
  const { buffer, bytesRead } = await file.read(
    Buffer.alloc(PREPARED_MARK.length),
    0,
    PREPARED_MARK.length,
    0,
  );
  return bytesRead === PREPARED_MARK.length && buffer.equals(PREPARED_MARK);
}

/** The bytes of a file that is small, or an error where it is larger than it may be. */
export async function smallFile(path: string, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of createReadStream(path)) {
    const piece = chunk as Buffer;
    bytes += piece.length;
    if (bytes > maxBytes) return undefined;
    chunks.push(piece);
  }
  return Buffer.concat(chunks);
}
