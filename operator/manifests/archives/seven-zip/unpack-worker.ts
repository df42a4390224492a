// Runs in a thread of its own: 7-Zip is one long synchronous call, and the operator's event loop must not wait.
import { fstatSync, openSync, readSync } from "node:fs";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import sevenZipModule, {
  type FSNode,
  type FSStream,
  type SevenZipModule,
  type SevenZipModuleFactory,
} from "7z-wasm";
import { unseal } from "../seal.ts";
import { type ListedFile, ListingReader } from "./listing.ts";
import {
  FLOW_SLOTS,
  LISTED_AT_A_TIME,
  LISTED_WEIGHT,
  MAX_PENDING_BYTES,
  type UnpackChoice,
  type UnpackMessage,
  type UnpackOrder,
} from "./protocol.ts";

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
    read: (_, buffer, offset, length, position) => {
      const read = readSync(archive, buffer, offset, length, position);
      const there = buffer.subarray(offset, offset + read);
      if (order.seal !== undefined) there.set(unseal(order.seal, there, position));
      return read;
    },
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

/** Waits while the reader is slower. */
function waitForRoom(): void {
  let pending = Atomics.load(flow, FLOW_SLOTS.pending);
  while (pending > MAX_PENDING_BYTES) {
    Atomics.wait(flow, FLOW_SLOTS.pending, pending);
    pending = Atomics.load(flow, FLOW_SLOTS.pending);
  }
}

function sendBytes(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += 65_536) {
    waitForRoom();
    const copy = bytes.slice(at, at + 65_536);
    Atomics.add(flow, FLOW_SLOTS.pending, copy.length);
    send({ kind: "bytes", bytes: copy }, [copy.buffer]);
  }
}

function sendListed(files: ListedFile[]): void {
  if (files.length === 0) return;
  waitForRoom();
  Atomics.add(flow, FLOW_SLOTS.pending, LISTED_WEIGHT);
  send({ kind: "listed", files });
}

/** Without -p, 7-Zip would ask for a password; a wrong one makes it say that one is needed. */
const COMMON = ["-t7z", "-sccUTF-8", "-pnone"];

async function list(): Promise<{ ok: boolean; report: string }> {
  let files: ListedFile[] = [];
  const listing = new ListingReader((file) => {
    files.push(file);
    if (files.length < LISTED_AT_A_TIME) return;
    sendListed(files);
    files = [];
  });
  const text = new TextDecoder();
  const listed = await run(["l", "-slt", ...COMMON, "/manifest.7z"], (bytes) => {
    listing.push(text.decode(bytes, { stream: true }));
  });
  listing.end();
  if (listed.ok) sendListed(files);
  return listed;
}

async function unpack(): Promise<void> {
  limitMemory(order.maxMemoryBytes);
  const listed = await list();
  if (!listed.ok) return send({ kind: "failed", outOfMemory, text: listed.report });
  send({ kind: "listingEnd" });
  Atomics.wait(flow, FLOW_SLOTS.goOn, 0);
  const choice = parentPort === null ? undefined : receiveMessageOnPort(parentPort);
  const { names = [] } = (choice?.message ?? {}) as UnpackChoice;
  // Names as they stand: without wildcards, and none of them taken for a switch.
  const extracted = await run(["e", "-so", "-spd", ...COMMON, "--", "/manifest.7z", ...names], sendBytes);
  if (!extracted.ok) return send({ kind: "failed", outOfMemory, text: extracted.report });
  send({ kind: "end" });
}

await unpack();
process.exitCode = 0;
