/** The model's own thread: ONNX Runtime runs here, so that the page stays awake. */

import * as ort from "onnxruntime-web/wasm";
import glue from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import type { ModelSpec } from "./manifest.ts";
import { Frames } from "./mel/frames.ts";
import { ImageMaker } from "./mel/image.ts";
import type { LoadRequest, Reply, Request, RunRequest } from "./protocol.ts";

let session: ort.InferenceSession | undefined;
let spec: ModelSpec;
let form: LoadRequest["form"];
/** What makes the image of a `spectrogram` model. */
let frames: Frames | undefined;
let images: ImageMaker | undefined;

async function load(request: LoadRequest): Promise<readonly number[]> {
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = request.threads;
  ort.env.wasm.initTimeout = request.patience;
  // A slow network is no thread that does not start: the file is in the browser's cache before time is taken.
  // Where it cannot be fetched, ONNX Runtime tells it.
  if (request.patience) await fetch(new URL(wasm, import.meta.url)).then((it) => it.arrayBuffer(), () => {});
  ort.env.wasm.wasmPaths = { mjs: new URL(glue, import.meta.url).href, wasm: new URL(wasm, import.meta.url).href };
  ({ spec, form } = request);
  if (form === "spectrogram") [frames, images] = [new Frames(spec.audio), new ImageMaker(spec)];
  session = await ort.InferenceSession.create(new Uint8Array(request.model), { executionProviders: ["wasm"] });
  const [input] = session.inputNames;
  if (session.inputNames.length !== 1 || input !== form || !session.outputNames.includes(spec.outputName)) {
    throw new Error(`it takes ${session.inputNames} and gives ${session.outputNames}, not ${form} and ${spec.outputName}`);
  }
  // The first run is several times slower than those after it; nobody should have to wait for it later.
  return run({ kind: "run", pcm: new Float32Array(spec.audio.samples), place: null });
}

async function run({ pcm, place }: RunRequest): Promise<readonly number[]> {
  if (!session) throw new Error("no model was loaded");
  const input =
    frames && images
      ? new ort.Tensor("float32", images.of(frames.of(pcm, place)), [1, 3, ...spec.audio.imageSize])
      : new ort.Tensor("float32", pcm, [1, spec.audio.samples]);
  const answers = await session.run({ [form]: input }, [spec.outputName]);
  const output = answers[spec.outputName]?.data;
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
