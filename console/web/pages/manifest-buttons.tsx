import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Icon } from "../parts/icons.tsx";
import { complain } from "../parts/toasts.tsx";
import { fileOf } from "../state/api.ts";
import { t } from "../texts/index.ts";

const FORMATS = [
  { format: "csv", label: "CSV" },
  { format: "7z", label: ".7z" },
] as const;

/** The list of a batch's certificates, to be imported by hand. */
export function ManifestButtons({ batchId, path }: { batchId: string; path: string }): JSX.Element {
  const [busy, setBusy] = useState(false);
  const download = async (format: string): Promise<void> => {
    setBusy(true);
    try {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await fileOf(`${path}?format=${format}`));
      link.download = `${batchId}.${format}`;
      link.click();
      URL.revokeObjectURL(link.href);
    } finally {
      setBusy(false);
    }
  };
  return (
    <span class="button-group" role="group" aria-label={t.batch.manifest}>
      {FORMATS.map(({ format, label }) => (
        <button
          key={format}
          type="button"
          class="button"
          disabled={busy}
          aria-label={t.batch.manifestAs(label)}
          title={t.batch.manifestAs(label)}
          onClick={() => void download(format).catch(complain)}
        >
          <Icon name="save" />
          {label}
        </button>
      ))}
    </span>
  );
}
