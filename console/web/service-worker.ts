/// <reference lib="webworker" />
// Keeps what the phone's page is made of, so that it opens where the network has gone. What is asked of the server is
// never kept here.
declare const self: ServiceWorkerGlobalScope;
/** Put in by build/pages.ts. */
declare const SHELL: readonly string[];

export const CACHE = `certferry-${SHELL.join("|").length}-${SHELL.at(1) ?? ""}`;

self.addEventListener("install", (event) => {
  const keep = async (): Promise<void> => {
    const cache = await caches.open(CACHE);
    await cache.addAll([...SHELL]);
    await self.skipWaiting();
  };
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => {
  const clear = async (): Promise<void> => {
    for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(clear());
});

self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== self.location.origin) return;
  if (mode === "navigate" && pathname === "/cloud-id")
    event.respondWith(freshOrKept("/cloud-id", event.request));
  else if (pathname.startsWith("/assets/")) event.respondWith(keptOrFresh(event.request));
});

/** Where a network is joined and nothing comes of it, nobody waits for longer than that to add a reel. */
const PATIENCE_MS = 4000;
/** Said in the console's place by a gateway, while the console is away. A redirection (a sign-in before it) is followed. */
const AWAY = new Set([404, 429, 500, 502, 503, 504]);

async function freshOrKept(name: string, request: Request): Promise<Response> {
  const kept = await caches.match(name, { cacheName: CACHE });
  if (kept === undefined) return await fetch(request);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Response>((resolve) => {
    timer = setTimeout(() => resolve(kept), PATIENCE_MS);
  });
  const fresh = fetch(request).then(
    (response) => (AWAY.has(response.status) ? kept : response),
    () => kept,
  );
  try {
    return await Promise.race([fresh, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function keptOrFresh(request: Request): Promise<Response> {
  const kept = await caches.match(request, { cacheName: CACHE });
  if (kept !== undefined) return kept;
  const fresh = await fetch(request);
  if (fresh.ok) {
    const cache = await caches.open(CACHE);
    await cache.put(request, fresh.clone());
  }
  return fresh;
}
