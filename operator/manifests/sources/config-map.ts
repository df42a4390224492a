import { ManifestError } from "../errors.ts";
import { printable } from "../printable.ts";
import type { OpenedSource, ReadConfigMap, SourceOf } from "./port.ts";

export function configMapSource(source: SourceOf<"configMap">, read: ReadConfigMap): OpenedSource {
  const where = `key "${source.key}" of ConfigMap "${source.name}"`;
  return {
    where,
    async *bytes(signal) {
      try {
        yield await read(source.name, source.key, signal);
      } catch (cause) {
        signal.throwIfAborted();
        if (cause instanceof ManifestError) throw cause;
        const why = cause instanceof Error ? `: ${printable(cause.message, 200)}` : "";
        throw new ManifestError("SourceUnavailable", `${where} could not be read${why}`, {
          transient: true,
          cause,
        });
      }
    },
  };
}
