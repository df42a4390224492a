import { InvalidArgumentError } from "commander";

const PART = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/;
/** A longer one would overflow a timer, which then fires at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** `90`, `90s`, `5m`, `1h30m`; in milliseconds. */
export function durationArgument(text: string): number {
  const plain = /^\d+(?:\.\d+)?$/.test(text) ? `${text}s` : text;
  const [whole, hours = 0, minutes = 0, seconds = 0] = PART.exec(plain) ?? [];
  const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  if (!whole || !(ms > 0) || ms > LONGEST_MS) {
    throw new InvalidArgumentError("give a time such as 90s, 5m or 1h30m, at most 24 days.");
  }
  return ms;
}

/** An option that may be given several times, or with several values parted by commas. */
export function listArgument(text: string, before: readonly string[] = []): string[] {
  const values = text
    .split(",")
    .map((value) => value.trim())
    .filter((value) => value !== "");
  if (values.length === 0) throw new InvalidArgumentError("give a name.");
  return [...before, ...values];
}

/** An option that may be given several times. A group's name may hold commas. */
export function groupArgument(text: string, before: readonly string[] = []): string[] {
  if (text === "") throw new InvalidArgumentError("give a group's name.");
  return [...before, text];
}

/** A whole number from 1 on. */
export function countArgument(text: string): number {
  const number = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (number < 1) throw new InvalidArgumentError("give a whole number from 1 on.");
  return number;
}
