/**
 * The log-mel frames of a clip, of which neighbouring clips of one sound share nearly all: those are computed once.
 *
 * Windows start at multiples of the hop, so that a frame inside a window is the same frame in every window that has it. Only
 * frames that reach over an end, where the sound is reflected or silence begins, depend on the window, and are computed for
 * each. Levels are kept in dB of full scale; the clip's maximum, which they are relative to in the end, is the window's own.
 */

import type { AudioSpec } from "../manifest.ts";
import { melBank, type Band } from "./bank.ts";
import { PowerSpectrum } from "./fft.ts";

/** Power below which a cell counts as silent, as in librosa's `power_to_db`. */
export const POWER_FLOOR = 1e-10;

/** That power in dB. */
export const LEVEL_FLOOR = -100;

/** Where a clip lies in a sound. */
export interface Place {
  /** Tells sounds apart: any number that no other sound has. */
  readonly sound: number;
  /** The clip's first sample in the sound, a multiple of the hop. */
  readonly start: number;
  /** How many of the clip's samples come from the sound. */
  readonly heard: number;
}

/** Frames of one sound after another. */
export class Frames {
  readonly #audio: AudioSpec;
  readonly #count: number;
  readonly #spectrum: PowerSpectrum;
  readonly #window: Float64Array;
  readonly #bands: readonly Band[];
  readonly #power: Float64Array;
  readonly #frame: Float64Array;
  /** A ring: frame `k` of the sound lies at `k % count`, if `#kept` says so. */
  readonly #ring: readonly Float32Array[];
  readonly #kept: Int32Array;
  readonly #ends = new Map<number, Float32Array>();
  #sound = NaN;
  #computed = 0;

  constructor(audio: AudioSpec) {
    this.#audio = audio;
    this.#count = 1 + Math.floor(audio.samples / audio.hopLength);
    this.#spectrum = new PowerSpectrum(audio.nFft);
    // Hann, periodic; float32 as Python's.
    const angle = (2 * Math.PI) / audio.nFft;
    this.#window = Float64Array.from({ length: audio.nFft }, (_, i) => Math.fround(0.5 - 0.5 * Math.cos(angle * i)));
    const { bands, bins } = melBank(audio);
    this.#bands = bands;
    this.#power = new Float64Array(bins);
    this.#frame = new Float64Array(audio.nFft);
    this.#ring = Array.from({ length: this.#count }, () => new Float32Array(audio.nMels));
    this.#kept = new Int32Array(this.#count).fill(-1);
  }

  /** Frames that were ever transformed; what tests and measurements count. */
  get computed(): number {
    return this.#computed;
  }

  /**
   * The frames of a clip.
   *
   * @param clip as many samples as a clip has.
   * @param place where it lies, for frames to be kept for the next clip of the sound; without, nothing is kept.
   * @returns for each frame its levels in dB of full scale, the lowest band first. Valid until the next call.
   */
  of(clip: Float32Array, place: Place | null = null): readonly Float32Array[] {
    const { hopLength, nFft, nMels } = this.#audio;
    if (place && this.#sound !== place.sound) {
      this.#sound = place.sound;
      this.#kept.fill(-1);
    }
    return Array.from({ length: this.#count }, (_, t) => {
      const first = t * hopLength - nFft / 2;
      if (!place || first < 0 || first + nFft > place.heard) {
        let levels = this.#ends.get(t);
        if (!levels) this.#ends.set(t, (levels = new Float32Array(nMels)));
        this.#compute(clip, first, levels);
        return levels;
      }
      const frame = place.start / hopLength + t;
      const at = frame % this.#count;
      if (this.#kept[at] !== frame) {
        this.#compute(clip, first, this.#ring[at]!);
        this.#kept[at] = frame;
      }
      return this.#ring[at]!;
    });
  }

  /** One frame from a sample of the clip on; what lies outside the clip is reflected at its ends. */
  #compute(clip: Float32Array, first: number, levels: Float32Array): void {
    const [frame, window, power, last] = [this.#frame, this.#window, this.#power, clip.length - 1];
    let sounds = false;
    for (let i = 0; i < frame.length; i++) {
      const at = Math.abs(first + i);
      const sample = clip[at > last ? 2 * last - at : at]!;
      sounds ||= sample !== 0;
      frame[i] = sample * window[i]!;
    }
    if (!sounds) return void levels.fill(LEVEL_FLOOR);
    this.#computed++;
    this.#spectrum.of(frame, power);
    for (let m = 0; m < levels.length; m++) {
      const { first, weights } = this.#bands[m]!;
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i]! * power[first + i]!;
      levels[m] = 10 * Math.log10(Math.max(sum, POWER_FLOOR));
    }
  }
}
