/** The SDK as an npm package: one ES module, the worker, the audio worklet, and ONNX Runtime's WebAssembly, in npm/dist. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { RUNTIME } from "./vite.config.ts";

// Names without a hash: they are part of the package, and the app's own bundler gives them one.
const named = { entryFileNames: "[name].js", chunkFileNames: "[name].js", assetFileNames: "[name][extname]" };

/** Vite's own way to write a worker's address, which no bundler of an app would understand. */
const WORKER = /new Worker\(new URL\(\s*(?:\/\*.*?\*\/\s*)?new URL\("([\w.-]+)", import\.meta\.url\)\.href,\s*"" \+ import\.meta\.url\s*\)/g;

/** Writes addresses of workers and files in the form that Vite, webpack, Rollup and browsers alike read. */
function plainAddresses(licences = ""): Plugin {
  return {
    name: "sentio-plain-addresses",
    generateBundle(_, bundle) {
      if (licences) this.emitFile({ type: "asset", fileName: "licences.txt", source: readFileSync(licences) });
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk") continue;
        let workers = 0;
        chunk.code = chunk.code.replace(WORKER, (_all, name: string) => {
          workers++;
          return `new Worker(new URL("./${name}", import.meta.url)`;
        });
        if (chunk.isEntry && chunk.name === "index" && workers !== 1) this.error(`${workers} workers in ${chunk.fileName}, not one`);
        // Where ONNX Runtime's own file would be, were it a file of its own: bundlers look for it and complain.
        chunk.code = chunk.code.replace(/new URL\("ort\.wasm\.min\.mjs", import\.meta\.url\)\.href/g, "import.meta.url");
        chunk.code = chunk.code.replace(/new URL\("(?=[\w-])/g, 'new URL("./');
      }
    },
  };
}

export default defineConfig({
  // Addresses are relative to the module, so that every bundler, and a browser without one, finds the files beside it.
  base: "./",
  publicDir: false,
  plugins: [plainAddresses(fileURLToPath(new URL("public/licences.txt", import.meta.url)))],
  resolve: RUNTIME,
  worker: { format: "es", plugins: () => [plainAddresses()], rolldownOptions: { output: named } },
  build: {
    outDir: "npm/dist",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    minify: false,
    modulePreload: false,
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      input: { index: "src/sdk/index.ts" },
      preserveEntrySignatures: "strict",
      output: named,
    },
  },
});
