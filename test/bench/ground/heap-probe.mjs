// Loaded into an operator with NODE_OPTIONS=--import: at SIGUSR2 it collects garbage and prints the memory that is
// left as a line of JSON, so that what thousands of batches keep alive can be told from what they left lying about.
import { Session } from "node:inspector/promises";

process.on("SIGUSR2", () => {
  const measure = async () => {
    const session = new Session();
    session.connect();
    // What finalizers let go of is gone after the second.
    for (let times = 0; times < 2; times += 1) await session.post("HeapProfiler.collectGarbage");
    session.disconnect();
    process.stdout.write(`${JSON.stringify({ msg: "heap", ...process.memoryUsage() })}\n`);
  };
  measure().catch((error) => process.stderr.write(`${String(error)}\n`));
});
