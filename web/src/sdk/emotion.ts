/** An answer: how a stretch of music feels. */

import type { Uncertainty } from "./manifest.ts";
import { wordsOf } from "./words.ts";

/** Where valence and arousal lie with the probability `coverage`, each within -1 and 1. */
export interface Interval {
  readonly valence: readonly [low: number, high: number];
  readonly arousal: readonly [low: number, high: number];
  /** From 0 to 1, for each of the two by itself. */
  readonly coverage: number;
}

/** Russell's quadrants (1980) in two words. */
export type Quadrant = "pleasant, energetic" | "pleasant, calm" | "unpleasant, energetic" | "unpleasant, calm";

/** An answer as plain JSON values, under the names that every language of the project uses. */
export interface EmotionJson {
  song: string;
  start: number;
  end: number;
  time: number;
  valence: number;
  arousal: number;
  valence_low: number | null;
  valence_high: number | null;
  arousal_low: number | null;
  arousal_high: number | null;
  coverage: number | null;
  quadrant: Quadrant;
  scale: [number, number];
  silent: boolean;
}

/** What an `Emotion` is made of. */
export interface EmotionParts {
  song: string;
  valence: number;
  arousal: number;
  start: number;
  end: number;
  inferenceMs: number;
  uncertainty: Uncertainty | null;
  silent: boolean;
}

/** Valence and arousal of a stretch of music, both from -1 to 1. */
export class Emotion {
  /** What the sound is called: a file's name, or what the caller said. */
  readonly song: string;
  /** From -1, unpleasant, to 1, pleasant; as the model says, not cut. */
  readonly valence: number;
  /** From -1, calm, to 1, energetic; as the model says, not cut. */
  readonly arousal: number;
  /** Where the stretch begins, in seconds. */
  readonly start: number;
  /** Where it ends, in seconds. */
  readonly end: number;
  /** How long the model took for it, in milliseconds. Of a mean over clips: all of them together. */
  readonly inferenceMs: number;
  /** How far the model may be off; `null` where that was not measured. */
  readonly uncertainty: Uncertainty | null;
  /** Whether nothing could be heard after mixing down: the values say nothing then. */
  readonly silent: boolean;

  constructor(parts: EmotionParts) {
    this.song = parts.song;
    this.valence = parts.valence;
    this.arousal = parts.arousal;
    this.start = parts.start;
    this.end = parts.end;
    this.inferenceMs = parts.inferenceMs;
    this.uncertainty = parts.uncertainty;
    this.silent = parts.silent;
  }

  /** The middle of the stretch, in seconds. */
  get time(): number {
    return (this.start + this.end) / 2;
  }

  /** Where the two values lie, as far as that was measured; `null` where it was not. */
  get interval(): Interval | null {
    if (!this.uncertainty) return null;
    const [valence, arousal] = this.uncertainty.halfWidth;
    return {
      valence: around(this.valence, valence),
      arousal: around(this.arousal, arousal),
      coverage: this.uncertainty.coverage,
    };
  }

  /** What may be said of it, such as "leaning pleasant, calm": no side that the interval leaves open. */
  get words(): string {
    return wordsOf(this.valence, this.arousal, this.uncertainty?.halfWidth ?? null, this.silent);
  }

  /** The quadrant of the bare values, for programs; zero counts as pleasant, and as energetic. People get `words`. */
  get quadrant(): Quadrant {
    return `${this.valence >= 0 ? "pleasant" : "unpleasant"}, ${this.arousal >= 0 ? "energetic" : "calm"}`;
  }

  /** Plain values for `JSON.stringify`: times in seconds, everything rounded to six decimals. */
  toJSON(): EmotionJson {
    const interval = this.interval;
    return {
      song: this.song,
      start: rounded(this.start),
      end: rounded(this.end),
      time: rounded(this.time),
      valence: rounded(this.valence),
      arousal: rounded(this.arousal),
      valence_low: interval && rounded(interval.valence[0]),
      valence_high: interval && rounded(interval.valence[1]),
      arousal_low: interval && rounded(interval.arousal[0]),
      arousal_high: interval && rounded(interval.arousal[1]),
      coverage: interval && interval.coverage,
      quadrant: this.quadrant,
      scale: [-1, 1],
      silent: this.silent,
    };
  }
}

/**
 * One answer for a song of many: the mean, of the time from the first's beginning to the last's end.
 *
 * @param answers at least one.
 */
export function meanOf(answers: readonly Emotion[]): Emotion {
  const first = answers[0] as Emotion;
  const sum = (part: (answer: Emotion) => number) => answers.reduce((total, answer) => total + part(answer), 0);
  return new Emotion({
    song: first.song,
    valence: sum((answer) => answer.valence) / answers.length,
    arousal: sum((answer) => answer.arousal) / answers.length,
    start: first.start,
    end: (answers.at(-1) as Emotion).end,
    inferenceMs: sum((answer) => answer.inferenceMs),
    uncertainty: first.uncertainty,
    silent: answers.every((answer) => answer.silent),
  });
}

function around(value: number, half: number): [number, number] {
  return [Math.max(-1, value - half), Math.min(1, value + half)];
}

function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
