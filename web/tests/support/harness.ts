/** The SDK built by itself, for tests that need no page around it. */

import { join } from "node:path";
import { build } from "vite";
import type { openBundle } from "../../src/sdk/bundle.ts";
import type * as sdk from "../../src/sdk/index.ts";
import type { startInference } from "../../src/sdk/inference.ts";
import { WEB } from "./paths.ts";

/** What the harness puts into its window. */
export type Harness = Window & {
  sdk: typeof sdk;
  parts: { openBundle: typeof openBundle; startInference: typeof startInference };
};

/** Build it into a folder of its own; its path. */
export async function buildHarness(name: string): Promise<string> {
  const outDir = join(WEB, ".tests", name);
  await build({
    configFile: false,
    root: join(WEB, "tests/harness"),
    publicDir: join(WEB, "public"),
    base: "./",
    logLevel: "warn",
    worker: { format: "es" },
    build: { outDir, emptyOutDir: true, target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 300 },
  });
  return outDir;
}
