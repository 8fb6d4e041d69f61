/**
 * Keeps page, WebAssembly and model on the device, so that all of it works without a network.
 *
 * Pages and the model's manifest come from the network where there is one, so that nobody is left with an old version,
 * and from the cache otherwise. Everything else has an address that changes with its content, and comes from the cache.
 */

import { httpFolder } from "../sdk/folder.ts";
import { chooseArtifact, GOLDEN, MANIFEST, parseManifest } from "../sdk/manifest.ts";

declare const self: ServiceWorkerGlobalScope;
/** Everything that was built, but for the model. */
declare const __FILES__: readonly string[];
/** A hash of all that. */
declare const __VERSION__: string;
/** What the page needs to be isolated; hosts may not send it. */
declare const __HEADERS__: Readonly<Record<string, string>>;

const scope = new URL("./", self.location.href);
const page = new URL("index.html", scope).href;
const model = new URL("sentio/", scope).href;

// Apps that share a host share its caches.
const OURS = `${scope.pathname} `;
const SHELL = `${OURS}page ${__VERSION__}`;
const MODEL = `${OURS}model`;

/** Milliseconds that the network gets to answer where the cache has an answer, too. */
const PATIENCE = 3000;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || !url.href.startsWith(scope.href)) return;
  event.respondWith(answer(event, url).then(isolated));
});

async function install(): Promise<void> {
  const shell = await caches.open(SHELL);
  await shell.addAll(__FILES__.map((path) => new Request(new URL(path, scope), { cache: "no-cache" })));
  // A model folder that cannot be used is the page's to tell about; the page itself is kept all the same.
  await keepModel().catch((error: unknown) => console.warn("The model was not kept for use without a network:", error));
}

/** Keep the manifest, and what the page needs of the files that it names. */
async function keepModel(): Promise<void> {
  const cache = await caches.open(MODEL);
  const folder = httpFolder(model);
  const manifest = parseManifest(new TextDecoder().decode(await folder.read(MANIFEST)));
  const wanted = [chooseArtifact(manifest).path, GOLDEN].flatMap((path) => {
    const entry = manifest.files.get(path);
    return entry ? [new URL(`${path}?sha256=${entry.sha256}`, model).href] : [];
  });
  const missing = [];
  for (const url of wanted) if (!(await cache.match(url))) missing.push(url);
  await cache.addAll([...missing, new Request(`${model}${MANIFEST}`, { cache: "no-cache" })]);
  await forget(cache, new Set([...wanted, `${model}${MANIFEST}`]));
}

/** Models of before take megabytes that nobody reads. */
async function forget(cache: Cache, wanted: ReadonlySet<string>): Promise<void> {
  for (const request of await cache.keys()) if (!wanted.has(request.url)) await cache.delete(request);
}

async function activate(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith(OURS) && name !== SHELL && name !== MODEL) await caches.delete(name);
  }
  await self.clients.claim();
}

async function answer(event: FetchEvent, url: URL): Promise<Response> {
  const { request } = event;
  if (request.mode === "navigate")
    return (await fresh(request)) ?? (await kept(request)) ?? (await kept(page)) ?? Response.error();
  if (url.href === `${model}${MANIFEST}`) return manifest(event);
  return (await kept(request)) ?? fetch(request);
}

async function manifest(event: FetchEvent): Promise<Response> {
  const [response, before] = [await fresh(event.request), await kept(event.request)];
  if (!response) return before ?? Response.error();
  if (response.ok && (await response.clone().text()) !== (await before?.clone().text())) {
    // The model was exchanged. The old one stays until the new one is there as a whole.
    event.waitUntil(keepModel().catch(() => {}));
  }
  return response;
}

async function kept(request: Request | string): Promise<Response | undefined> {
  for (const name of [SHELL, MODEL]) {
    const response = await (await caches.open(name)).match(request);
    if (response) return response;
  }
  return undefined;
}

/** What the network says; `null` where it says nothing, or takes too long. */
async function fresh(request: Request): Promise<Response | null> {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(PATIENCE) });
  } catch {
    return null;
  }
}

/** The same response with the headers that threads need, where the host does not send them. */
function isolated(response: Response): Response {
  if (response.type === "error" || response.status === 0 || response.headers.has("Cross-Origin-Embedder-Policy")) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(__HEADERS__)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
