/** Who comes back sooner finds the page as it is: it was told all the while. */
const HIDDEN_MS = 5 * 60_000;

/**
 * Has something rest while nobody sees the page: begun when it has been hidden for some minutes, and ended when it is
 * shown again. The returned function ends that.
 */
export function restWhileHidden(o: { rest: () => void; wake: () => void }): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let resting = false;
  const changed = (): void => {
    clearTimeout(timer);
    if (document.visibilityState === "hidden") {
      timer = setTimeout(() => {
        resting = true;
        o.rest();
      }, HIDDEN_MS);
    } else if (resting) {
      resting = false;
      o.wake();
    }
  };
  document.addEventListener("visibilitychange", changed);
  changed();
  return () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", changed);
  };
}
