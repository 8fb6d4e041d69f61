import { defaultClientConditions, defineConfig } from "vite";
import { appPlugin } from "./plugins/app.ts";
import { serviceWorkerPlugin } from "./plugins/service-worker.ts";

/** ONNX Runtime Web without a second copy of its glue inside: the glue is a file of its own, as its threads need it. */
export const RUNTIME = { conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions] };

export default defineConfig({
  // Relative addresses: the site works in any folder of any host.
  base: "./",
  plugins: [appPlugin(), serviceWorkerPlugin()],
  resolve: RUNTIME,
  worker: { format: "es" },
  // The glue of ONNX Runtime starts threads from its own file, which must stay as it is.
  optimizeDeps: { exclude: ["onnxruntime-web"] },
  build: {
    target: "es2022",
    // The policy allows no data: addresses.
    assetsInlineLimit: 0,
    // Of this, 14 MB are ONNX Runtime's WebAssembly.
    chunkSizeWarningLimit: 300,
  },
});
