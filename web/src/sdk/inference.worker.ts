/** The model's own thread: ONNX Runtime runs here, so that the page stays awake. */

import * as ort from "onnxruntime-web/wasm";
import glue from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import type { LoadRequest, Reply, Request, RunRequest } from "./protocol.ts";

let session: ort.InferenceSession | undefined;
let samples = 0;
let outputName = "";

async function load(request: LoadRequest): Promise<readonly number[]> {
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = request.threads;
  ort.env.wasm.initTimeout = request.patience;
  // A slow network is no thread that does not start: the file is in the browser's cache before time is taken.
  // Where it cannot be fetched, ONNX Runtime tells it.
  if (request.patience) await fetch(new URL(wasm, import.meta.url)).then((it) => it.arrayBuffer(), () => {});
  ort.env.wasm.wasmPaths = { mjs: new URL(glue, import.meta.url).href, wasm: new URL(wasm, import.meta.url).href };
  ({ samples, outputName } = request);
  session = await ort.InferenceSession.create(new Uint8Array(request.model), { executionProviders: ["wasm"] });
  const [input] = session.inputNames;
  if (session.inputNames.length !== 1 || input !== "waveform" || !session.outputNames.includes(outputName)) {
    throw new Error(`it takes ${session.inputNames} and gives ${session.outputNames}, not waveform and ${outputName}`);
  }
  // The first run is several times slower than those after it; nobody should have to wait for it later.
  return run({ kind: "run", pcm: new Float32Array(samples) });
}

async function run({ pcm }: RunRequest): Promise<readonly number[]> {
  if (!session) throw new Error("no model was loaded");
  const input = new ort.Tensor("float32", pcm, [1, samples]);
  const answers = await session.run({ waveform: input }, [outputName]);
  const output = answers[outputName]?.data;
  if (!(output instanceof Float32Array) || output.length !== 2) throw new Error("its answer is not two numbers");
  return [...output];
}

self.onmessage = async ({ data }: MessageEvent<Request>) => {
  const started = performance.now();
  let reply: Reply;
  try {
    const output = data.kind === "load" ? await load(data) : await run(data);
    reply = { kind: "done", output, milliseconds: performance.now() - started };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // ONNX Runtime's words when its own WebAssembly did not start.
    const because = message.includes("no available backend") ? "runtime" : "model";
    reply = { kind: "failed", because, message };
  }
  self.postMessage(reply);
};
