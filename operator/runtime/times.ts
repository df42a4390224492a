/** metav1.Time: RFC 3339 in UTC, whole seconds. */
export function formatTime(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`;
}

/** metav1.MicroTime of a moment in milliseconds since the epoch: RFC 3339 with exactly six digits of a second. */
export function formatMicroTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000Z`;
}
