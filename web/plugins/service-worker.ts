/** Builds src/sw into dist/sw.js, with the list of everything else in dist/ and a hash of it all inside. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "vite";
import { readSettings } from "./app.ts";

/** The model folder: the worker learns what is in it from its manifest, as it may be exchanged after the build. */
const MODEL = "sentio/";

/** The plugin; it comes last, when dist/ is complete. */
export function serviceWorkerPlugin(): Plugin {
  let folder = "";
  return {
    name: "sentio-service-worker",
    apply: "build",
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    async closeBundle() {
      const root = fileURLToPath(new URL("..", import.meta.url));
      const files = listed(folder).filter((path) => !path.startsWith(MODEL) && path !== "_headers" && path !== "sw.js");
      const hash = createHash("sha256");
      for (const path of files) hash.update(`${path}\0`).update(readFileSync(join(folder, path)));
      await build({
        configFile: false,
        root,
        publicDir: false,
        logLevel: "warn",
        define: {
          __FILES__: JSON.stringify(files),
          __VERSION__: JSON.stringify(hash.digest("hex").slice(0, 16)),
          __HEADERS__: JSON.stringify(readSettings().headers),
        },
        build: {
          outDir: folder,
          emptyOutDir: false,
          target: "es2022",
          rolldownOptions: {
            input: join(root, "src/sw/service.worker.ts"),
            output: { entryFileNames: "sw.js", format: "iife" },
          },
        },
      });
    },
  };
}

function listed(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
}
