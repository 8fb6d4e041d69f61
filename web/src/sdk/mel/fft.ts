/** The power spectrum of real samples, by a Fourier transform of half their number. */

/** Transforms of one length; its tables and its memory are made once. */
export class PowerSpectrum {
  readonly #half: number;
  readonly #swap: Uint32Array;
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;
  readonly #re: Float64Array;
  readonly #im: Float64Array;

  /** @param size samples, a power of two of 4 or more. */
  constructor(size: number) {
    const half = size / 2;
    this.#half = half;
    this.#cos = Float64Array.from({ length: half }, (_, k) => Math.cos((-2 * Math.PI * k) / size));
    this.#sin = Float64Array.from({ length: half }, (_, k) => Math.sin((-2 * Math.PI * k) / size));
    this.#re = new Float64Array(half);
    this.#im = new Float64Array(half);
    const bits = Math.log2(half);
    this.#swap = Uint32Array.from({ length: half }, (_, i) => {
      let reversed = 0;
      for (let bit = 0; bit < bits; bit++) reversed |= ((i >> bit) & 1) << (bits - 1 - bit);
      return reversed;
    });
  }

  /**
   * Squared magnitudes of the first bins.
   *
   * @param frame as many samples as the length.
   * @param power filled from 0 Hz on; at most half the length.
   */
  of(frame: Float64Array, power: Float64Array): void {
    const [half, re, im, cos, sin] = [this.#half, this.#re, this.#im, this.#cos, this.#sin];
    // Even samples are taken for real parts, odd ones for imaginary parts.
    for (let i = 0; i < half; i++) {
      const from = 2 * this.#swap[i]!;
      re[i] = frame[from]!;
      im[i] = frame[from + 1]!;
    }
    for (let span = 1; span < half; span *= 2) {
      // The tables are of the whole length, twice that of this transform.
      const stride = half / span;
      for (let block = 0; block < half; block += 2 * span) {
        for (let k = 0; k < span; k++) {
          const [a, b] = [block + k, block + k + span];
          const [c, s] = [cos[k * stride]!, sin[k * stride]!];
          const x = re[b]! * c - im[b]! * s;
          const y = re[b]! * s + im[b]! * c;
          re[b] = re[a]! - x;
          im[b] = im[a]! - y;
          re[a]! += x;
          im[a]! += y;
        }
      }
    }
    // Both halves are taken apart again: bin k of the even samples, and of the odd ones, by the symmetry of real spectra.
    for (let k = 0; k < power.length; k++) {
      const j = (half - k) % half;
      const evenRe = (re[k]! + re[j]!) / 2;
      const evenIm = (im[k]! - im[j]!) / 2;
      const oddRe = (im[k]! + im[j]!) / 2;
      const oddIm = (re[j]! - re[k]!) / 2;
      const x = evenRe + oddRe * cos[k]! - oddIm * sin[k]!;
      const y = evenIm + oddRe * sin[k]! + oddIm * cos[k]!;
      power[k] = x * x + y * y;
    }
  }
}
