/**
 * Answers for sound that goes on: a ring buffer of one clip, one answer every so often, and never a queue.
 *
 * Sound is taken in while the model computes. When that takes longer than the time from one answer to the next, the
 * answers in between are left out, and the next one is for the newest sound.
 */

import { InputError } from "./errors.ts";
import type { AudioSpec } from "./manifest.ts";
import { Resampler } from "./resample.ts";
import { Ring } from "./ring.ts";

/** Who takes the sound in. */
export interface LiveListener {
  /** The next samples; mono, full scale at -1 and 1. They may be reused after the call. */
  heard(pcm: Float32Array): void;
  /** There is no more; with an error, that was not meant. */
  ended(error?: Error): void;
}

/** Sound that goes on, a microphone for example. */
export interface LiveSource {
  /**
   * Begin. The listener may be called at any time from now on.
   *
   * @returns samples a second, in Hz; a whole number.
   * @throws MicrophoneError it was refused, or is not there.
   */
  start(listener: LiveListener): Promise<number>;
  /** End: nothing is heard from now on, and the device is free. May be called more than once. */
  stop(): void;
}

/** When answers come. */
export interface StreamOptions {
  /** Seconds from one answer to the next. Default 1. */
  every?: number;
  /** Seconds that must have been heard before the first answer. Default 5. */
  minimum?: number;
  /** Ends the stream, and stops the source; iterating then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called with all the seconds heard so far, whenever there are more. */
  listening?: (seconds: number) => void;
}

/** What was heard when an answer is due. */
export interface Moment {
  /** The last clip, or less. At the model's rate. */
  readonly pcm: Float32Array<ArrayBuffer>;
  /** Samples at the model's rate from the stream's beginning to the end of `pcm`. */
  readonly end: number;
}

/**
 * Each moment at which an answer is due, as soon as the consumer asks for the next one.
 *
 * @param grid a whole clip begins at a multiple of so many samples, and ends less than that before the newest one.
 * @throws InputError `every` or `minimum` is no time.
 * @throws MicrophoneError or whatever else the source ends with.
 */
export async function* moments(
  source: LiveSource,
  audio: AudioSpec,
  options: StreamOptions = {},
  grid = 1,
): AsyncGenerator<Moment, void> {
  const { every = 1, minimum = 5, signal, listening } = options;
  if (!(every > 0 && Number.isFinite(every)))
    throw new InputError(`every ${every} s is no time between answers; give a number above 0`);
  if (!(minimum >= 0 && minimum <= audio.seconds)) {
    throw new InputError(`minimum ${minimum} s is no part of a clip; give 0 to ${audio.seconds} s`);
  }
  signal?.throwIfAborted();
  const ring = new Ring(audio.samples + grid - 1);
  const step = every * audio.sampleRate;
  const first = Math.max(1, minimum * audio.sampleRate);
  let due = first;
  let resampler: Resampler | null = null;
  let end: { error?: Error } | null = null;
  let wake = () => {};
  const early: Float32Array[] = [];

  const take = (pcm: Float32Array, by: Resampler) => {
    ring.write(by.push(pcm));
    listening?.(ring.written / audio.sampleRate);
    if (ring.written >= due) wake();
  };
  const finish = (error?: Error) => {
    end ??= error ? { error } : {};
    wake();
  };
  const abort = () => finish(signal?.reason as Error);
  signal?.addEventListener("abort", abort);
  try {
    const rate = await source.start({
      // What is heard before the rate is known waits for it.
      heard: (pcm) => (resampler ? take(pcm, resampler) : void early.push(pcm.slice())),
      ended: finish,
    });
    const ready = new Resampler(rate, audio.sampleRate);
    for (const pcm of early.splice(0)) take(pcm, ready);
    resampler = ready;
    for (;;) {
      signal?.throwIfAborted();
      if (ring.written >= due) {
        // The next one on the grid that lies ahead: those that were missed are left out.
        due = first + (Math.floor((ring.written - first) / step) + 1) * step;
        const start = Math.floor(Math.max(0, ring.written - audio.samples) / grid) * grid;
        const held = ring.latest();
        const from = start - (ring.written - held.length);
        const pcm = held.subarray(from, from + audio.samples);
        yield { pcm, end: start + pcm.length };
      } else if (end) {
        const { error } = end as { error?: Error };
        if (error) throw error;
        return;
      } else {
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    source.stop();
  }
}
