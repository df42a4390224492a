import { setFlagsFromString } from "node:v8";

/*
 * What passes through here is short-lived and much: V8 would give its young objects 32 MiB in two halves and let the old
 * ones grow to four times what is in use, to spare itself work. What it costs stands in
 * docs/adr/0025-a-small-heap.md. Imported first, before anything has grown; V8 looks at both whenever it grows.
 */
setFlagsFromString("--semi-space-growth-factor=1");
setFlagsFromString("--heap-growing-percent=60");
