import { Hono } from "hono";
import type { MemoryRegistry } from "../registries/memory.ts";

/** A look at what a registry holds: `GET /registry` as JSON, or as a page for a browser. Read only. */
export function createRegistryView(name: string, registry: MemoryRegistry): Hono {
  const app = new Hono();
  app.get("/registry", (c) => {
    const devices = registry.list();
    const counts = registry.counts();
    if (c.req.header("accept")?.includes("text/html") === true) return c.html(page(name, registry));
    return c.json({ name, flavor: registry.flavor, counts, devices });
  });
  app.get("/", (c) => c.redirect("/registry"));
  return app;
}

function page(name: string, registry: MemoryRegistry): string {
  const { devices, pushes, refused, removed } = registry.counts();
  const rows = registry
    .list()
    .map(
      (device) =>
        `<tr><td>${escape(device.name)}</td><td>${escape(device.thumbprints.join(" "))}</td>` +
        `<td>${escape(device.policy ?? "")}</td><td>${device.pushes}</td>` +
        `<td>${device.lastPushedAt.toISOString()}</td></tr>`,
    );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(name)}</title>
<style>body{font:15px system-ui;margin:2rem}td,th{text-align:left;padding:.2rem 1rem .2rem 0}td{font-family:monospace}</style>
</head><body><h1>${escape(name)} (${registry.flavor})</h1>
<p>${devices} devices, pushed ${pushes} times, ${refused} refused, ${removed} taken out</p>
<table><thead><tr><th>Device</th><th>Certificate (SHA-256)</th><th>Policy</th><th>Pushes</th><th>Last</th></tr></thead>
<tbody>${rows.join("\n")}</tbody></table></body></html>
`;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}
