/**
 * The first `characters` of a text, counted in code points as the API server counts a field's length. Half of a
 * surrogate pair is never kept: it would be stored as another character, and never equal what was wanted.
 */
export function shorten(text: string, characters: number): string {
  if (text.length <= characters) return text;
  return Array.from(text.slice(0, 2 * characters))
    .slice(0, characters)
    .join("");
}
