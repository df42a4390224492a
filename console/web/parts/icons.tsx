import type { JSX } from "preact";

const PATHS = {
  search: "M7 12.5A5.5 5.5 0 1 0 7 1.500a5.500 5.500 0 0 0 0 11ZM11 11l3.500 3.500",
  plus: "M8 2.500v11M2.500 8h11",
  cross: "M3.500 3.500l9 9M12.500 3.500l-9 9",
  down: "M4 6l4 4 4-4",
  left: "M10 3L5 8l5 5",
  right: "M6 3l5 5-5 5",
  check: "M3 8.500l3.200 3.200L13 5",
  warning: "M8 2L14.500 13.500h-13zM8 6.500v3M8 11.500v.2",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1v1.500M8 13.500V15M1 8h1.500M13.500 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13.500 9.500A6 6 0 0 1 6.500 2.500a6 6 0 1 0 7 7Z",
  cloud: "M4.500 12.500h7a3 3 0 0 0 .4-5.970 4 4 0 0 0-7.700.6A2.700 2.700 0 0 0 4.500 12.500Z",
  save: "M8 2v8M4.500 6.800L8 10.200l3.500-3.400M2.500 13.500h11",
  out: "M6 2.500H3v11h3M10 5l3 3-3 3M13 8H6",
  copy: "M5.500 5.500h8v8h-8zM2.500 10.500v-8h8",
  again: "M13.500 8A5.500 5.500 0 1 1 11.800 4M12.500 1.500v3h-3",
  trash: "M2.500 4.500h11M6 4.500v-2h4v2M4 4.500l.7 9h6.600l.7-9",
  more: "M3.500 8h.01M8 8h.01M12.500 8h.01",
  camera:
    "M1.500 5h3l1.200-2h4.600l1.200 2h3v8.500h-13zM8 11.500a2.700 2.700 0 1 0 0-5.400 2.700 2.700 0 0 0 0 5.400Z",
  photo: "M2 2.500h12v11H2zM2 11l3.500-3.500 3 3L11 8l3 3M5.500 6.200v.01",
  qr: "M2 2h4.500v4.500H2zM9.500 2H14v4.500H9.500zM2 9.500h4.500V14H2zM9.500 9.500h2v2h-2zM14 9.500V12M12 14h2",
  pause: "M5 3v10M11 3v10",
  pen: "M2.500 13.500l.7-3L11 2.700l2.300 2.300-7.800 7.800z",
  box: "M2 5l6-3 6 3v6.500L8 14.500 2 11.500zM2 5l6 3 6-3M8 8v6.500",
} as const;

export type IconName = keyof typeof PATHS;

/** A drawing of 16 pixels that says nothing by itself: words stand beside it, or name the button. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo(): JSX.Element {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" class="logo-ground" />
      <path d="M6 18h20l-3.200 6H9.200z" fill="#fff" />
      <path d="M11 9h10v7H11z" class="logo-cargo" />
      <path
        d="M5 26.500c1.800 0 1.800-1 3.700-1s1.800 1 3.600 1 1.800-1 3.700-1 1.800 1 3.700 1 1.800-1 3.600-1 1.900 1 3.700 1"
        class="logo-water"
      />
    </svg>
  );
}
