/** The check of a device: does the model answer here as it did where it was made, and how fast is it? */

import type { Artifact } from "./manifest.ts";

/** Largest difference from PyTorch that is right for 32 bits; narrower artifacts state their own in the manifest. */
export const TOLERANCE = 1e-3;

/** Runs before those that are timed. */
export const WARM_UP = 3;

/** Runs that are timed where the caller does not say. */
export const RUNS = 50;

/** What was measured; plain JSON values. */
export interface DeviceCheck {
  readonly model: {
    readonly name: string;
    readonly release: string;
    readonly artifact: string;
    readonly precision: string;
    readonly sha256: string;
  };
  readonly browser: {
    readonly userAgent: string;
    /** Processor cores that the browser admits to. */
    readonly cores: number;
    readonly crossOriginIsolated: boolean;
    /** Threads that the model used. */
    readonly threads: number;
  };
  readonly golden: {
    readonly vectors: number;
    /** Largest difference from PyTorch's answers, over vectors, valence and arousal. */
    readonly worst: number;
    readonly tolerance: number;
    readonly passed: boolean;
  };
  /** Of one clip, in milliseconds. */
  readonly latency: { readonly runs: number; readonly p50: number; readonly p90: number; readonly p99: number };
  /** From the model's bytes to a model that is ready, WebAssembly and a first run included, in milliseconds. */
  readonly loadMs: number;
  /** When, in ISO 8601. */
  readonly measured: string;
}

/** How far an artifact may be off on the golden vectors. */
export function toleranceOf(artifact: Artifact): number {
  return Math.max(TOLERANCE, artifact.tolerance ?? 0);
}

/** The value that a share of the sorted values does not exceed, interpolated as numpy does. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)] as number, sorted[Math.ceil(at)] as number];
  return low + (high - low) * (at - Math.floor(at));
}
