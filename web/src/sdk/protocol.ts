/** What page and worker say to each other. One request is answered by one reply; the page sends them one at a time. */

import type { ModelSpec } from "./manifest.ts";
import type { Place } from "./mel/frames.ts";

/** Load a model, before anything else. */
export interface LoadRequest {
  readonly kind: "load";
  /** The ONNX file; transferred. */
  readonly model: ArrayBuffer;
  readonly threads: number;
  /** Milliseconds that WebAssembly gets to start; 0 for all the time that it takes. */
  readonly patience: number;
  readonly form: "waveform" | "spectrogram";
  readonly spec: ModelSpec;
}

/** Answer for one clip. */
export interface RunRequest {
  readonly kind: "run";
  /** PCM of one clip; transferred. */
  readonly pcm: Float32Array<ArrayBuffer>;
  /** Where it lies in its sound, for clips that follow each other. */
  readonly place: Place | null;
}

export type Request = LoadRequest | RunRequest;

export type Reply =
  | { readonly kind: "done"; readonly output: readonly number[]; readonly milliseconds: number }
  | { readonly kind: "failed"; readonly because: "runtime" | "model"; readonly message: string };
