/** The page's side of the model's worker. */

import { BrowserError, Damaged, reason } from "./errors.ts";
import type { Bundle } from "./bundle.ts";
import type { Place } from "./mel/frames.ts";
import type { Reply, Request } from "./protocol.ts";

/** What a model said, and how long it took. */
export interface Answer {
  /** Valence and arousal; may be anything, as a broken model says anything. */
  readonly output: readonly number[];
  readonly milliseconds: number;
}

/** A model that answers for clips, one at a time: a call must wait for the one before it. */
export interface Inference {
  /** How many threads it uses. */
  readonly threads: number;
  /** How long it took to be ready, in milliseconds: WebAssembly, the model, and a first run. */
  readonly loadMs: number;
  /**
   * @param pcm one clip; transferred, so that the caller cannot use it afterwards.
   * @param place where it lies in its sound: what clips of one sound have in common is computed once.
   */
  run(pcm: Float32Array<ArrayBuffer>, place?: Place): Promise<Answer>;
  /** Stop it, and give its memory back. */
  close(): void;
}

/** Threads that are worth having: phones have few fast cores, and the model is small. */
const MOST_THREADS = 4;

/** Milliseconds that WebAssembly gets to start with threads; one that waits for a thread says nothing by itself. */
export const PATIENCE = 20_000;

/** How many threads a model may have here: many need memory that is shared, and that a page be cross-origin isolated. */
function mostThreads(): number {
  return globalThis.crossOriginIsolated && typeof SharedArrayBuffer !== "undefined" ? MOST_THREADS : 1;
}

/** How many threads the model gets where the caller does not say. */
export function defaultThreads(): number {
  return Math.max(1, Math.min(mostThreads(), navigator.hardwareConcurrency || 1));
}

/**
 * Start a worker and load a model in it. Where threads do not start, it is started again with one.
 *
 * @param threads 1 to 4; without cross-origin isolation there is one, whatever is asked for.
 * @param patience milliseconds that threads get to start.
 * @throws Damaged ONNX Runtime cannot load the model.
 * @throws BrowserError WebAssembly or the worker did not start.
 */
export async function startInference(bundle: Bundle, threads = defaultThreads(), patience = PATIENCE): Promise<Inference> {
  const allowed = Math.max(1, Math.min(mostThreads(), Math.floor(threads)));
  if (allowed === 1) return start(bundle, bundle.model, 1, 0);
  try {
    // A copy, as what a worker gets is gone here.
    return await start(bundle, bundle.model.slice(0), allowed, patience);
  } catch (error) {
    // Policies, extensions and a lack of memory forbid threads in ways that nothing tells beforehand.
    if (error instanceof BrowserError) return start(bundle, bundle.model, 1, 0);
    throw error;
  }
}

async function start(bundle: Bundle, model: ArrayBuffer, threads: number, patience: number): Promise<Inference> {
  const worker = new Worker(new URL("./inference.worker.ts", import.meta.url), { type: "module" });
  const { path } = bundle.artifact;
  let settle: { resolve(answer: Answer): void; reject(error: Error): void } | null = null;
  let lost: Error | null = null;

  worker.onmessage = ({ data }: MessageEvent<Reply>) => {
    if (data.kind === "done") settle?.resolve(data);
    else settle?.reject(failure(data.because, path, data.message));
    settle = null;
  };
  worker.onerror = (event) => {
    // It is told by the error of the call; the console need not tell it, too.
    event.preventDefault();
    stop(`The model's worker stopped (${reason(event.message || "it did not start")}); load the page again`);
  };

  function stop(message: string): void {
    worker.terminate();
    lost = new BrowserError(message);
    settle?.reject(lost);
    settle = null;
  }

  function ask(request: Request, transfer: Transferable[]): Promise<Answer> {
    if (lost) return Promise.reject(lost);
    return new Promise((resolve, reject) => {
      settle = { resolve, reject };
      worker.postMessage(request, transfer);
    });
  }

  const { spec } = bundle.manifest;
  const form = bundle.artifact.form === "spectrogram" ? "spectrogram" : "waveform";
  try {
    const loaded = await ask({ kind: "load", model, threads, patience, form, spec }, [model]);
    return {
      threads,
      loadMs: loaded.milliseconds,
      run: (pcm, place) => ask({ kind: "run", pcm, place: place ?? null }, [pcm.buffer]),
      close: () => stop("The model was closed; open it again"),
    };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

function failure(because: "runtime" | "model", path: string, message: string): Error {
  if (because === "model")
    return new Damaged(`${path}: ONNX Runtime cannot use it (${reason(message)}); package the bundle again`);
  return new BrowserError(`ONNX Runtime did not start in this browser (${reason(message)}); update the browser`);
}
