import sevenZipModule, { type SevenZipModuleFactory } from "7z-wasm";

// The package's types describe an ES module; what Node gives for its CommonJS file is the factory itself.
export const sevenZip = sevenZipModule as unknown as SevenZipModuleFactory;

export interface PackOptions {
  /** The archive asks for it; with `encryptNames` before it even lists what it holds. */
  password?: string;
  encryptNames?: boolean;
  /** 7-Zip's, 0 (stored as it is) to 9; 5 unless given, which takes a second for some megabytes. */
  level?: number;
  /** Before the compression: BCJ, which some vendors use for whatever they pack. */
  filter?: "BCJ";
}

export interface ArchiveOptions extends PackOptions {
  /** Further files beside the manifest, by name. */
  alongside?: Readonly<Record<string, Uint8Array | string>>;
}

/** The manifest as it is downloaded: one CSV, named `innerName`, in a 7z archive (LZMA2). */
export function manifest7z(
  csv: Uint8Array | string,
  innerName: string,
  options: ArchiveOptions = {},
): Promise<Uint8Array> {
  const { alongside, ...packing } = options;
  return pack7z({ [innerName]: csv, ...alongside }, packing);
}

/** Files by name, in a folder at most one deep, in a solid 7z archive (LZMA2). */
export async function pack7z(
  files: Readonly<Record<string, Uint8Array | string>>,
  options: PackOptions = {},
): Promise<Uint8Array> {
  const printed: string[] = [];
  const sevenZ = await sevenZip({
    print: (line) => printed.push(line),
    printErr: (line) => printed.push(line),
  });
  sevenZ.FS.mkdir("/pack");
  const folders = new Set(Object.keys(files).map((name) => name.slice(0, Math.max(0, name.indexOf("/")))));
  for (const folder of folders) if (folder !== "") sevenZ.FS.mkdir(`/pack/${folder}`);
  for (const [name, content] of Object.entries(files)) sevenZ.FS.writeFile(`/pack/${name}`, content);
  const secrecy = options.password === undefined ? [] : [`-p${options.password}`];
  if (options.encryptNames) secrecy.push("-mhe=on");
  const filters = options.filter === undefined ? [] : [`-m0=${options.filter}`, "-m1=LZMA2"];
  const exitCode = process.exitCode;
  sevenZ.callMain([
    "a",
    "-t7z",
    `-mx=${options.level ?? 5}`,
    ...filters,
    ...secrecy,
    "/packed.7z",
    "/pack/*",
  ]);
  // 7z-wasm sets this process's own exit code, also when all went well.
  const failed = process.exitCode !== 0;
  process.exitCode = exitCode;
  if (failed) throw new Error(`7z could not pack ${Object.keys(files)[0] ?? ""}: ${printed.join(" ")}`);
  return sevenZ.FS.readFile("/packed.7z");
}
