// What listing all that an operator watches takes, and no more: the same pages, parsed and dropped, in a process of
// its own. Prints a line of JSON when all is there, with the milliseconds that it took from the first request on: to start
// Node and to load a client is no part of a LIST. `node raw-list.ts KUBECONFIG`
import { kinds } from "../../../crds/index.ts";
import { NAMESPACE } from "../../../operator/accounts/core-kinds.ts";
import { connect } from "../../harness/index.ts";

const client = connect(process.argv[2] ?? "", { userAgent: "bench" });
const all = [...Object.values(kinds), NAMESPACE];
const started = performance.now();
const counts = await Promise.all(all.map(async (kind) => (await client.resource(kind).list()).items.length));
const ms = performance.now() - started;
process.stdout.write(`${JSON.stringify({ listed: counts.reduce((sum, count) => sum + count, 0), ms })}\n`);
await client.close();
