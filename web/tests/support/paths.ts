/** Where things lie, seen from the compiled tests. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** This project's folder. */
export const WEB = fileURLToPath(new URL("../../../", import.meta.url));

/** What `npm run build` made. */
export const DIST = join(WEB, "dist");

/** The model folder that the page is built with. */
export const MODEL = join(WEB, "public/sentio");

/** The headers that a host should send. */
export const HEADERS = JSON.parse(readFileSync(join(WEB, "headers.json"), "utf8")) as Record<string, string>;

/** Golden vectors of the repository; a packaged project stands alone. */
export const GOLDEN = join(WEB, "../export/golden/golden.safetensors");

/** Why tests of the repository's golden vectors are skipped; false where they are not. */
export const noGolden: string | false = existsSync(GOLDEN) ? false : "no ../export/golden; this project was packaged";

/** A file's bytes in a buffer of their own. */
export function bytesOf(path: string): ArrayBuffer {
  return new Uint8Array(readFileSync(path)).buffer;
}
