// Runs in a thread of its own: 7-Zip is one long synchronous call, and the operator's event loop must not wait.
import { fstatSync, openSync, readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import sevenZipModule, {
  type FSNode,
  type FSStream,
  type SevenZipModule,
  type SevenZipModuleFactory,
} from "7z-wasm";
import { FLOW_SLOTS, MAX_PENDING_BYTES, type UnpackMessage, type UnpackOrder } from "./protocol.ts";

// The package's types describe an ES module; what Node gives for its CommonJS file is the factory itself.
const sevenZip = sevenZipModule as unknown as SevenZipModuleFactory;

/** What the package's types leave out of Emscripten's file system (its API documentation has them). */
interface StreamOps {
  open?(stream: FSStream): void;
  close?(stream: FSStream): void;
  read?(stream: FSStream, buffer: Uint8Array, offset: number, length: number, position: number): number;
  write?(stream: FSStream, buffer: Uint8Array, offset: number, length: number): number;
}
type FileSystem = Omit<SevenZipModule["FS"], "registerDevice"> & {
  registerDevice(device: number, ops: StreamOps): void;
  createDevice(
    parent: string,
    name: string,
    input: (() => null) | null,
    output?: ((character: number) => void) | null,
  ): void;
};

const MAX_REPORT_CHARACTERS = 1024 * 1024;
const order = workerData as UnpackOrder;
const flow = new Int32Array(order.flow);
const archive = openSync(order.path, "r");
let outOfMemory = false;

function send(message: UnpackMessage, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

interface WasmMemory {
  buffer: ArrayBuffer;
  grow: (this: WasmMemory, pages: number) => number;
}

/** Emscripten takes a refused growth for a lack of memory, and 7-Zip says so. */
function limitMemory(maxBytes: number): void {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: { Memory: { prototype: WasmMemory } } };
  const { prototype } = WebAssembly.Memory;
  const grow = prototype.grow;
  prototype.grow = function limited(pages) {
    if (this.buffer.byteLength + pages * 65_536 <= maxBytes) return grow.call(this, pages);
    outOfMemory = true;
    throw new RangeError("memory limit reached");
  };
}

/** 7-Zip sees one file, which it can only read, and no other part of this machine's file system. */
function showArchive(FS: FileSystem): void {
  const { size } = fstatSync(archive);
  FS.writeFile("/manifest.7z", new Uint8Array(0));
  const node: FSNode & { stream_ops?: StreamOps } = FS.lookupPath("/manifest.7z").node;
  Object.defineProperty(node, "usedBytes", { get: () => size });
  node.stream_ops = {
    ...node.stream_ops,
    read: (_, buffer, offset, length, position) => readSync(archive, buffer, offset, length, position),
    write: () => {
      throw new Error("the archive is read only");
    },
  };
}

/** Runs one 7-Zip command in an instance of its own. */
async function run(
  args: string[],
  stdout: (bytes: Uint8Array) => void,
): Promise<{ ok: boolean; report: string }> {
  let report = "";
  const prepare = (module: { FS: FileSystem }): void => {
    const { FS } = module;
    FS.createDevice("/dev", "stdin", () => null);
    const device = FS.makedev(64, 1);
    FS.registerDevice(device, {
      open: () => {},
      close: () => {},
      write: (_, buffer, offset, length) => {
        stdout(buffer.subarray(offset, offset + length));
        return length;
      },
    });
    FS.mkdev("/dev/stdout", device);
    FS.createDevice("/dev", "stderr", null, (character) => {
      if (report.length < MAX_REPORT_CHARACTERS) report += String.fromCharCode(character);
    });
    for (const [name, mode] of [
      ["stdin", "r"],
      ["stdout", "w"],
      ["stderr", "w"],
    ] as const) {
      FS.open(`/dev/${name}`, mode);
    }
    showArchive(FS);
  };
  const module = await sevenZip({ noFSInit: true, preRun: [prepare as () => void] });
  process.exitCode = 0;
  try {
    module.callMain(args);
  } catch (error) {
    // A C++ exception that nothing catches in this build, e.g. for want of memory, arrives as a number.
    return { ok: false, report: `${report} ${String(error)}` };
  }
  const code: unknown = process.exitCode;
  return { ok: code === 0, report };
}

function sendBytes(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += 65_536) {
    let pending = Atomics.load(flow, FLOW_SLOTS.pending);
    while (pending > MAX_PENDING_BYTES) {
      Atomics.wait(flow, FLOW_SLOTS.pending, pending);
      pending = Atomics.load(flow, FLOW_SLOTS.pending);
    }
    const copy = bytes.slice(at, at + 65_536);
    Atomics.add(flow, FLOW_SLOTS.pending, copy.length);
    send({ kind: "bytes", bytes: copy }, [copy.buffer]);
  }
}

async function unpack(): Promise<void> {
  limitMemory(order.maxMemoryBytes);
  // Without -p, 7-Zip would ask for a password; a wrong one makes it say that one is needed.
  const common = ["-t7z", "-sccUTF-8", "-pnone", "/manifest.7z"];
  const text = new TextDecoder();
  let listing = "";
  const listed = await run(["l", "-slt", ...common], (bytes) => {
    if (listing.length < MAX_REPORT_CHARACTERS * 16) listing += text.decode(bytes, { stream: true });
  });
  if (!listed.ok) return send({ kind: "failed", outOfMemory, text: listed.report });
  send({ kind: "listing", text: listing });
  Atomics.wait(flow, FLOW_SLOTS.goOn, 0);
  const extracted = await run(["e", "-so", ...common], sendBytes);
  if (!extracted.ok) return send({ kind: "failed", outOfMemory, text: extracted.report });
  send({ kind: "end" });
}

await unpack();
process.exitCode = 0;
