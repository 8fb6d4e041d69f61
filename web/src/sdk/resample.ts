/**
 * From one sample rate to another, block by block: what a microphone delivers, and PCM of any rate, as the model hears it.
 *
 * A band-limited interpolation: for each output sample, the input around it is weighed by a sinc under a Kaiser window,
 * from a table with one row for each phase that the two rates can have to each other.
 */

import { InputError } from "./errors.ts";

/** Zero crossings of the sinc on each side. */
const CROSSINGS = 48;

/** Share of the narrower band that is kept; the filter falls off in what is left. */
const KEPT = 0.95;

/** Kaiser's beta: side lobes about 100 dB down. */
const BETA = 10;

/** Rates in Hz that sound comes in. */
const [SLOWEST, FASTEST] = [1000, 768_000];

/** Resamples a stream of mono PCM; neighbouring blocks join without a seam. */
export class Resampler {
  readonly #step: number;
  readonly #phases: number;
  readonly #half: number;
  readonly #table: Float32Array;
  #held: Float32Array<ArrayBuffer>;
  /** Index in the whole input of the first sample held; negative, as half a filter of silence comes before it. */
  #base: number;
  #received = 0;
  #given = 0;

  /**
   * @param from Hz of what comes in, a whole number from 1,000 to 768,000.
   * @param to Hz of what is wanted.
   * @throws InputError a rate is none.
   */
  constructor(from: number, to: number) {
    for (const rate of [from, to]) {
      if (!Number.isInteger(rate) || rate < SLOWEST || rate > FASTEST) {
        throw new InputError(`${rate} Hz is no sample rate of music; give a whole number from ${SLOWEST} to ${FASTEST}`);
      }
    }
    const common = greatestCommonDivisor(from, to);
    this.#step = from / common;
    this.#phases = to / common;
    const cutoff = KEPT * Math.min(1, to / from);
    this.#half = from === to ? 0 : Math.ceil(CROSSINGS / cutoff);
    this.#table = from === to ? new Float32Array(0) : phaseTable(this.#phases, this.#half, cutoff);
    this.#held = new Float32Array(this.#half);
    this.#base = -this.#half;
  }

  /** What can be told of the output once this block is there. */
  push(block: Float32Array): Float32Array<ArrayBuffer> {
    this.#received += block.length;
    if (!this.#half) return Float32Array.from(block);
    this.#append(block);
    // The last output sample whose filter ends within what was received.
    const last = Math.floor(((this.#received - this.#half - 1) * this.#phases) / this.#step);
    return this.#emit(Math.max(this.#given, last + 1));
  }

  /** What is left when the stream has ended. */
  flush(): Float32Array<ArrayBuffer> {
    if (!this.#half) return new Float32Array(0);
    this.#append(new Float32Array(this.#half + 1));
    return this.#emit(Math.round((this.#received * this.#phases) / this.#step));
  }

  #append(block: Float32Array): void {
    const first = Math.floor((this.#given * this.#step) / this.#phases) - this.#half + 1;
    const kept = this.#held.subarray(Math.max(0, Math.min(this.#held.length, first - this.#base)));
    this.#base += this.#held.length - kept.length;
    const held = new Float32Array(kept.length + block.length);
    held.set(kept);
    held.set(block, kept.length);
    this.#held = held;
  }

  #emit(end: number): Float32Array<ArrayBuffer> {
    const [half, phases, step, table, held] = [this.#half, this.#phases, this.#step, this.#table, this.#held];
    const taps = 2 * half;
    const output = new Float32Array(end - this.#given);
    for (let i = 0; i < output.length; i++) {
      const at = (this.#given + i) * step;
      const row = (at % phases) * taps;
      const first = Math.floor(at / phases) - half + 1 - this.#base;
      let sum = 0;
      for (let tap = 0; tap < taps; tap++) sum += table[row + tap]! * held[first + tap]!;
      output[i] = sum;
    }
    this.#given = end;
    return output;
  }
}

/**
 * Resample sound that is there as a whole.
 *
 * @throws InputError a rate is none.
 */
export function resample(pcm: Float32Array, from: number, to: number): Float32Array<ArrayBuffer> {
  const resampler = new Resampler(from, to);
  const [body, tail] = [resampler.push(pcm), resampler.flush()];
  const whole = new Float32Array(body.length + tail.length);
  whole.set(body);
  whole.set(tail, body.length);
  return whole;
}

function phaseTable(phases: number, half: number, cutoff: number): Float32Array {
  const taps = 2 * half;
  const table = new Float32Array(phases * taps);
  for (let phase = 0; phase < phases; phase++) {
    const row = table.subarray(phase * taps, (phase + 1) * taps);
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) {
      const distance = phase / phases + half - 1 - tap;
      const value = sinc(distance * cutoff) * kaiser(distance / half);
      row[tap] = value;
      sum += value;
    }
    // A constant comes out as itself, at every phase.
    for (let tap = 0; tap < taps; tap++) row[tap]! /= sum;
  }
  return table;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Kaiser's window at `x` from -1 to 1, but for its scale, which each row of the table finds for itself. */
function kaiser(x: number): number {
  return Math.abs(x) > 1 ? 0 : bessel(BETA * Math.sqrt(1 - x * x));
}

/** The modified Bessel function of the first kind and order zero, by its power series. */
function bessel(x: number): number {
  let [term, sum] = [1, 1];
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
