/** From log-mel frames to the image that a `spectrogram` model takes. */

import type { ModelSpec } from "../manifest.ts";
import { LEVEL_FLOOR } from "./frames.ts";

/** Smallest standard deviation that `zscore` divides by, as in Python. */
const MIN_SD = 1e-6;

/** What of two neighbours makes up each output: bilinear, half-pixel centres, repeated edges, no antialiasing. */
function axis(inputs: number, outputs: number): { left: number; share: number }[] {
  return Array.from({ length: outputs }, (_, i) => {
    const centre = Math.max(0, Math.min(inputs - 1, ((i + 0.5) * inputs) / outputs - 0.5));
    const left = Math.max(0, Math.min(Math.floor(centre), inputs - 2));
    return { left, share: centre - left };
  });
}

/** Makes images of one size. */
export class ImageMaker {
  readonly #spec: ModelSpec;
  readonly #rows: { left: number; share: number }[];
  readonly #columns: { left: number; share: number }[];

  constructor(spec: ModelSpec) {
    const { samples, hopLength, nMels, imageSize } = spec.audio;
    this.#spec = spec;
    this.#rows = axis(nMels, imageSize[0]);
    this.#columns = axis(1 + Math.floor(samples / hopLength), imageSize[1]);
  }

  /**
   * @param frames of a clip, levels in dB of full scale.
   * @returns float32 [1, 3, height, width]: relative to the clip's maximum, normalized, resized, standardized.
   */
  of(frames: readonly Float32Array[]): Float32Array<ArrayBuffer> {
    const { audio, imageMean, imageSd } = this.#spec;
    const [height, width] = audio.imageSize;
    const levelOf = this.#normalization(frames);
    const plane = new Float32Array(height * width);
    const column = new Float64Array(audio.nMels);
    for (const [x, { left, share }] of this.#columns.entries()) {
      const [here, next] = [frames[left]!, frames[Math.min(left + 1, frames.length - 1)]!];
      for (let m = 0; m < column.length; m++) column[m] = levelOf(here[m]!) * (1 - share) + levelOf(next[m]!) * share;
      for (const [y, row] of this.#rows.entries()) {
        const above = column[Math.min(row.left + 1, column.length - 1)]!;
        plane[y * width + x] = column[row.left]! * (1 - row.share) + above * row.share;
      }
    }
    const image = new Float32Array(imageMean.length * plane.length);
    for (const [c, mean] of imageMean.entries()) {
      for (let i = 0; i < plane.length; i++) image[c * plane.length + i] = (plane[i]! - mean) / imageSd[c]!;
    }
    return image;
  }

  /** How a level becomes a value, which depends on the whole clip: on its maximum, and with `zscore` on mean and spread. */
  #normalization(frames: readonly Float32Array[]): (level: number) => number {
    const { floorDb, normalization } = this.#spec.audio;
    let loudest = LEVEL_FLOOR;
    for (const levels of frames) for (let m = 0; m < levels.length; m++) if (levels[m]! > loudest) loudest = levels[m]!;
    // A clip without sound is at the floor everywhere.
    const scaled =
      loudest <= LEVEL_FLOOR ? () => 0 : (level: number) => (Math.max(level - loudest, floorDb) - floorDb) / -floorDb;
    if (normalization === "db80") return scaled;
    let [count, sum, squares] = [0, 0, 0];
    for (const levels of frames) {
      for (const level of levels) {
        const value = scaled(level);
        count++;
        sum += value;
        squares += value * value;
      }
    }
    const mean = sum / count;
    const sd = Math.max(Math.sqrt(Math.max(0, squares / count - mean * mean)), MIN_SD);
    return (level) => (scaled(level) - mean) / sd;
  }
}
