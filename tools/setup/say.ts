/** Tells a person what is going on, on standard error: standard output is for results. */
export function say(message: string): void {
  process.stderr.write(`${message}\n`);
}
