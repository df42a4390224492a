import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { BatchState, CloudOfBatch } from "../../views/wire.ts";
import { number, t } from "../texts/index.ts";
import { wordsOf } from "../state/api.ts";
import { Icon } from "./icons.tsx";
import type { IconName } from "./icons.tsx";

const TONES: Record<BatchState, string> = {
  Provisioned: "good",
  BoundOnly: "calm",
  Provisioning: "busy",
  Waiting: "wait",
  Attention: "bad",
  Suspended: "wait",
  Leaving: "wait",
};

export function StatePill({ state }: { state: BatchState }): JSX.Element {
  return <span class={`pill pill-${TONES[state]}`}>{t.state[state]}</span>;
}

const CLOUD_TONES: Readonly<Record<string, string>> = {
  Provisioned: "good",
  Provisioning: "busy",
  Pending: "wait",
  Suspended: "wait",
  Deprovisioning: "wait",
  Failed: "bad",
  Blocked: "bad",
};

export function cloudTone(state: string): string {
  return CLOUD_TONES[state] ?? "wait";
}

export function CloudChip({ cloud }: { cloud: CloudOfBatch }): JSX.Element {
  const state = t.cloudState[cloud.state] ?? cloud.state;
  return (
    <span class="chip" title={`${cloud.name}: ${state}`}>
      <span class={`dot dot-${cloudTone(cloud.state)}`} />
      {cloud.name}
      <span class="unseen">, {state}</span>
    </span>
  );
}

export interface BarProps {
  readonly done: number;
  readonly failed?: number;
  readonly all: number;
  readonly label: string;
}

/** A bar of what is done, and behind it what has failed. */
export function Bar({ all, done, failed = 0, label }: BarProps): JSX.Element {
  const width = (part: number): string => `${all === 0 ? 0 : (part / all) * 100}%`;
  return (
    <span
      class="bar"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={all}
      aria-valuenow={done}
      aria-valuetext={`${number(done)} / ${number(all)}`}
    >
      <span
        class={done === all && all > 0 ? "bar-done bar-full" : "bar-done"}
        style={{ width: width(done) }}
      />
      <span class="bar-failed" style={{ width: width(failed) }} />
    </span>
  );
}

export function Empty(props: {
  icon: IconName;
  title: string;
  hint?: string | undefined;
  children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={props.icon} />
      </span>
      <h2>{props.title}</h2>
      {props.hint !== undefined && <p>{props.hint}</p>}
      {props.children}
    </div>
  );
}

export function Failure({ error, retry }: { error: unknown; retry?: () => void }): JSX.Element {
  return (
    <div role="alert">
      <Empty icon="warning" title={t.errors.title} hint={wordsOf(error)}>
        {retry !== undefined && (
          <button type="button" class="button" onClick={retry}>
            {t.retry}
          </button>
        )}
      </Empty>
    </div>
  );
}

/** Grey shapes where something will be. */
export function Skeleton({ rows }: { rows: number }): JSX.Element {
  return (
    <div class="skeleton" role="status">
      <span class="unseen">{t.loading}</span>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} class="skeleton-row" />
      ))}
    </div>
  );
}

export function CopyButton({ text }: { text: string }): JSX.Element {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => undefined,
    );
  };
  return (
    <button type="button" class="button button-small" onClick={copy}>
      <Icon name={copied ? "check" : "copy"} />
      <span aria-live="polite">{copied ? t.copied : t.copy}</span>
    </button>
  );
}

export interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  readonly wide?: boolean;
}

/** A modal dialog: the browser keeps the focus inside, and gives it back. */
export function Dialog({ children, onClose, title, wide = false }: DialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (element !== null && !element.open) element.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? "dialog dialog-wide" : "dialog"}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div class="dialog-inside">
        <header>
          <h2 id="dialog-title">{title}</h2>
          <button type="button" class="button button-bare" aria-label={t.close} onClick={onClose}>
            <Icon name="cross" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
