/** Where a model folder's files come from: a server, or whatever else can hand out bytes by path. */

import { MissingFile, reason } from "./errors.ts";

/** How much of a file was read; `total` is 0 where nobody knows. Both are bytes. */
export type Progress = (loaded: number, total: number) => void;

/** What to read, and how. */
export interface ReadOptions {
  /** The SHA-256 that the file should have; caches may tell versions apart by it. */
  sha256?: string;
  signal?: AbortSignal | undefined;
  progress?: Progress | undefined;
}

/** A folder with a model in it. */
export interface ModelFolder {
  /**
   * All bytes of a file.
   *
   * @throws MissingFile it is not there, or cannot be fetched.
   */
  read(path: string, options?: ReadOptions): Promise<ArrayBuffer>;
}

/**
 * A folder below a URL.
 *
 * A file whose hash is known is asked for as `path?sha256=...`, so that each version has an address of its own and no
 * cache can mix two up; servers of files ignore the question mark and what follows it.
 */
export function httpFolder(base: string | URL): ModelFolder {
  const root = String(base).replace(/\/*$/, "/");
  return {
    async read(path, { sha256, signal, progress } = {}) {
      const url = `${root}${path}${sha256 ? `?sha256=${sha256}` : ""}`;
      let response: Response;
      try {
        response = await fetch(url, { signal: signal ?? null, cache: sha256 ? "default" : "no-cache" });
      } catch (error) {
        if (signal?.aborted) throw error;
        throw new MissingFile(`${path}: cannot be fetched (${reason(error)}); check the connection and load the page again`);
      }
      // Servers of single pages answer with the page for whatever they do not have.
      const page = response.headers.get("content-type")?.startsWith("text/html") && !path.endsWith(".html");
      if (!response.ok || page) {
        const status = page ? "a page came instead" : `status ${response.status}`;
        throw new MissingFile(`${path}: is missing from the model folder (${status}); package the bundle again`);
      }
      try {
        return await bytes(response, progress);
      } catch (error) {
        if (signal?.aborted) throw error;
        throw new MissingFile(`${path}: stopped coming (${reason(error)}); check the connection and load the page again`);
      }
    },
  };
}

async function bytes(response: Response, progress: Progress | undefined): Promise<ArrayBuffer> {
  if (!progress || !response.body) return response.arrayBuffer();
  const total = Number(response.headers.get("content-length") ?? 0);
  let loaded = 0;
  const counted = response.body.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        loaded += chunk.byteLength;
        progress(loaded, total);
        controller.enqueue(chunk);
      },
    }),
  );
  return new Response(counted).arrayBuffer();
}
