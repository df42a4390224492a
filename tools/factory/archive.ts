import sevenZipModule, { type SevenZipModuleFactory } from "7z-wasm";

// The package's types describe an ES module; what Node gives for its CommonJS file is the factory itself.
export const sevenZip = sevenZipModule as unknown as SevenZipModuleFactory;

export interface ArchiveOptions {
  /** The archive asks for it; with `encryptNames` before it even lists what it holds. */
  password?: string;
  encryptNames?: boolean;
  /** 7-Zip's, 0 (stored as it is) to 9; 5 unless given, which takes a second for some megabytes. */
  level?: number;
  /** Further files beside the manifest, by name. */
  alongside?: Readonly<Record<string, Uint8Array | string>>;
}

/** The manifest as it is downloaded: one CSV, named `innerName`, in a 7z archive (LZMA2). */
export async function manifest7z(
  csv: Uint8Array | string,
  innerName: string,
  options: ArchiveOptions = {},
): Promise<Uint8Array> {
  const printed: string[] = [];
  const sevenZ = await sevenZip({
    print: (line) => printed.push(line),
    printErr: (line) => printed.push(line),
  });
  const files = { [innerName]: csv, ...options.alongside };
  for (const [name, content] of Object.entries(files)) sevenZ.FS.writeFile(name, content);
  const secrecy = options.password === undefined ? [] : [`-p${options.password}`];
  if (options.encryptNames) secrecy.push("-mhe=on");
  const exitCode = process.exitCode;
  sevenZ.callMain([
    "a",
    "-t7z",
    `-mx=${options.level ?? 5}`,
    ...secrecy,
    "manifest.7z",
    ...Object.keys(files),
  ]);
  // 7z-wasm sets this process's own exit code, also when all went well.
  const failed = process.exitCode !== 0;
  process.exitCode = exitCode;
  if (failed) throw new Error(`7z could not pack ${innerName}: ${printed.join(" ")}`);
  return sevenZ.FS.readFile("manifest.7z");
}
