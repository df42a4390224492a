import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { announced, hasArrived } from "../state/arrival.ts";

/** The heading of a page. Who has come by a link, and not by loading the page, goes on from here with the keyboard. */
export function PageHeading({
  children,
  unseen = false,
}: {
  children: ComponentChildren;
  unseen?: boolean;
}): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (hasArrived()) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1} class={unseen ? "unseen" : ""}>
      {children}
    </h1>
  );
}

/** Has the keyboard go on at the page's heading: the button that a dialog gives it back to goes with what was deleted. */
export function goOnAtHeading(): void {
  // The dialog is closed by then.
  setTimeout(() => document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true }));
}

/** Says the title of the page that one has come to: browsers say it only of pages that they load. */
export function Announcer(): JSX.Element {
  return (
    <p class="unseen" role="status">
      {announced.value}
    </p>
  );
}
