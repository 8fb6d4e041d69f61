/** A small server of files, as any static host is; tests tell it which headers to send, and which files to falsify. */

import { createServer, type Server } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import type { AddressInfo } from "node:net";

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".md": "text/markdown; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

/** What to answer in place of a file: other bytes, or `null` for "not found". */
export type Falsified = Readonly<Record<string, Uint8Array | string | null>>;

export interface Site {
  /** Where it is, with a slash at its end. */
  readonly url: string;
  /** May be changed while it runs. */
  falsified: Falsified;
  /** Paths that were asked for, without what follows a question mark. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** Serve a folder on a free port of this machine. */
export async function serve(folder: string, headers: Readonly<Record<string, string>>): Promise<Site> {
  const asked: string[] = [];
  const site = { url: "", falsified: {} as Falsified, asked, close };
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://host").pathname).slice(1) || "index.html";
    asked.push(path);
    const send = (status: number, body: Uint8Array | string) => {
      response.writeHead(status, { ...headers, "Content-Type": TYPES[extname(path)] ?? "application/octet-stream" });
      response.end(body);
    };
    const false_ = site.falsified[path];
    if (false_ !== undefined) return false_ === null ? send(404, "Not found") : send(200, false_);
    readFile(join(folder, normalize(path))).then(
      (body) => send(200, body),
      () => send(404, "Not found"),
    );
  });

  function close(): Promise<void> {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A test that fails before it closes its site must not hold the process.
  server.unref();
  site.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return site;
}
