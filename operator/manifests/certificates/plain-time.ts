/**
 * The instant of a Time of RFC 5280, 4.1.2.5, in the forms that it allows: `YYMMDDHHMMSSZ` and `YYYYMMDDHHMMSSZ`.
 * @param start of its digits
 * @returns epoch ms; undefined for any other form, and for days that do not exist
 */
export function plainTime(bytes: Uint8Array, start: number, end: number): number | undefined {
  const length = end - start;
  if ((length !== 13 && length !== 15) || bytes[end - 1] !== 0x5a) return undefined;
  let at = start;
  let valid = true;
  const two = (): number => {
    const high = (bytes[at] ?? 0) - 0x30;
    const low = (bytes[at + 1] ?? 0) - 0x30;
    valid &&= high >= 0 && high <= 9 && low >= 0 && low <= 9;
    at += 2;
    return high * 10 + low;
  };
  const years = two();
  // UTCTime is from 1950 to 2049.
  const year = length === 15 ? years * 100 + two() : years < 50 ? 2000 + years : 1900 + years;
  const month = two();
  const day = two();
  const [hour, minute, second] = [two(), two(), two()];
  // Date.UTC takes the first hundred years for others.
  if (!valid || year < 1900 || month < 1 || month > 12) return undefined;
  if (day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
