/** Slaney's mel bands: triangles of one area, as librosa and the Python front end have them. */

import type { AudioSpec } from "../manifest.ts";

/** Slaney, Auditory Toolbox (1998): linear up to 1000 Hz in steps of 200/3 Hz, then 27 logarithmic steps to a factor 6.4. */
const [LINEAR_STEP, CORNER_HZ, LOG_STEP] = [200 / 3, 1000, Math.log(6.4) / 27];

/** One band: how much of each Fourier bin from `first` on it takes. */
export interface Band {
  readonly first: number;
  readonly weights: Float64Array;
}

/** All bands, from the lowest on, and how many bins from 0 Hz on they use. */
export function melBank(audio: AudioSpec): { bands: Band[]; bins: number } {
  const [low, high] = [melOf(audio.fMin), melOf(audio.fMax)];
  const edges = Array.from({ length: audio.nMels + 2 }, (_, i) => hzOf(low + ((high - low) * i) / (audio.nMels + 1)));
  const bins = Math.min(audio.nFft / 2, Math.floor((audio.fMax * audio.nFft) / audio.sampleRate) + 1);
  const bands = Array.from({ length: audio.nMels }, (_, m) => {
    const [left, peak, right] = [edges[m]!, edges[m + 1]!, edges[m + 2]!];
    const weights = Array.from({ length: bins }, (_, bin) => {
      const hz = (bin * audio.sampleRate) / audio.nFft;
      const height = Math.max(0, Math.min((hz - left) / (peak - left), (right - hz) / (right - peak)));
      // As Python's, which are float32.
      return Math.fround((height * 2) / (right - left));
    });
    const first = Math.max(0, weights.findIndex((weight) => weight > 0));
    return { first, weights: Float64Array.from(weights.slice(first, weights.findLastIndex((weight) => weight > 0) + 1)) };
  });
  return { bands, bins };
}

function melOf(hz: number): number {
  return hz < CORNER_HZ ? hz / LINEAR_STEP : CORNER_HZ / LINEAR_STEP + Math.log(hz / CORNER_HZ) / LOG_STEP;
}

function hzOf(mel: number): number {
  const corner = CORNER_HZ / LINEAR_STEP;
  return mel < corner ? mel * LINEAR_STEP : CORNER_HZ * Math.exp((mel - corner) * LOG_STEP);
}
