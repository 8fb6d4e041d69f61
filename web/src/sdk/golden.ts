/** Golden vectors: sounds with the answers that every runtime, in every language, must give. */

import { repeat } from "./clip.ts";
import { Damaged } from "./errors.ts";
import { GOLDEN, type AudioSpec } from "./manifest.ts";

/** One sound, and its answer. */
export interface GoldenVector {
  /** PCM, mono, at the model's rate, that the clip repeats. */
  readonly excerpt: Int16Array;
  /** Samples of the clip; silence follows up to the model's length. */
  readonly length: number;
  /** Valence and arousal, as PyTorch says. */
  readonly output: readonly [number, number];
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/**
 * Read golden vectors from a safetensors file.
 *
 * @throws Damaged it is no such file, or its numbers do not fit each other.
 */
export function parseGolden(bytes: ArrayBuffer, audio: AudioSpec): GoldenVector[] {
  try {
    const size = Number(new DataView(bytes).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, size))) as Record<string, Entry>;
    const tensor = (name: string, dtype: string): { data: ArrayBuffer; shape: number[] } => {
      const entry = header[name];
      if (entry?.dtype !== dtype) throw new Error(`${name} is no ${dtype}`);
      const [start, end] = entry.data_offsets;
      return { data: bytes.slice(8 + size + start, 8 + size + end), shape: entry.shape };
    };
    const excerpt = tensor("excerpt", "I16");
    const [excerpts, lengths, outputs] = [
      new Int16Array(excerpt.data),
      new Int32Array(tensor("length", "I32").data),
      new Float32Array(tensor("output", "F32").data),
    ];
    const samples = excerpt.shape[1] ?? 0;
    if (!samples || excerpts.length !== lengths.length * samples || outputs.length !== lengths.length * 2) {
      throw new Error("its tensors do not fit each other");
    }
    return Array.from(lengths, (length, i) => {
      if (length < 1 || length > audio.samples) throw new Error(`a clip has ${length} samples`);
      return {
        excerpt: excerpts.slice(i * samples, (i + 1) * samples),
        length,
        output: [outputs[2 * i] as number, outputs[2 * i + 1] as number] as const,
      };
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Damaged(`${GOLDEN}: holds no golden vectors (${why}); package the bundle again`);
  }
}

/** The sound of a golden vector, without the silence after it; full scale at -1 and 1. */
export function soundOf(vector: GoldenVector): Float32Array<ArrayBuffer> {
  const whole = new Int16Array(vector.length);
  whole.set(vector.excerpt.subarray(0, vector.length));
  repeat(whole, Math.min(vector.length, vector.excerpt.length));
  return Float32Array.from(whole, (sample) => sample / 32768);
}

/** What a model is fed for a golden vector: silence follows a short one, whatever the model's own way is. */
export function clipOf(vector: GoldenVector, audio: AudioSpec): Float32Array<ArrayBuffer> {
  const clip = new Float32Array(audio.samples);
  clip.set(soundOf(vector));
  return clip;
}
