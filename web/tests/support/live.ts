/** Live answers by both forms of one model, as a page gets them; runs inside the browser. */

import type { Harness } from "./harness.ts";

declare const window: Harness;

/** A live answer, and the answer of the waveform form for the same stretch of the sound. */
export interface Pair {
  readonly end: number;
  readonly live: readonly [number, number];
  readonly whole: readonly [number, number];
}

/** What one answer costs the model's worker, in milliseconds: each kind of run, the kinds taking turns. */
export interface Costs {
  readonly threads: number;
  readonly waveform: number[];
  /** The image made of all frames each time. */
  readonly anew: number[];
  /** The image made of frames that are kept. */
  readonly ring: number[];
}

/** Play a sound to a `spectrogram` model, as fast as it answers, and ask a `waveform` model about the same windows. */
export async function pairs(given: { sound: number[]; rate: number; every: number }): Promise<Pair[]> {
  const { SentioModel } = window.sdk;
  const [waveform, spectrogram] = [await SentioModel.open("sentio"), await SentioModel.open("spectrogram")];
  if (spectrogram.artifact.form !== "spectrogram" || waveform.artifact.form !== "waveform") throw new Error("other forms");
  const pcm = Float32Array.from(given.sound);
  const { sampleRate } = spectrogram.spec.audio;
  let listener: { heard(pcm: Float32Array): void; ended(): void } | undefined;
  let at = 0;
  const play = (seconds: number) => {
    const block = pcm.subarray(at, (at += Math.round(seconds * given.rate)));
    if (block.length) listener!.heard(block);
    else listener!.ended();
  };
  const source = {
    start: async (to: typeof listener) => {
      listener = to;
      setTimeout(() => play(5), 0);
      return given.rate;
    },
    stop: () => {},
  };
  const found: Pair[] = [];
  for await (const answer of spectrogram.stream(source as never, { every: given.every })) {
    const stretch = pcm.subarray(Math.round(answer.start * sampleRate), Math.round(answer.end * sampleRate));
    const whole = await waveform.predict(stretch, sampleRate);
    found.push({ end: answer.end, live: [answer.valence, answer.arousal], whole: [whole.valence, whole.arousal] });
    play(given.every);
  }
  waveform.close();
  spectrogram.close();
  return found;
}

/** Time runs of the worker on windows that follow each other at a second. */
export async function costs(given: { sound: number[]; runs: number; threads: number; folders: [string, string] }): Promise<Costs> {
  const { openBundle, startInference } = window.parts;
  const { httpFolder } = window.sdk;
  const start = async (folder: string) => {
    const bundle = await openBundle(httpFolder(new URL(folder, document.baseURI)));
    return { inference: await startInference(bundle, given.threads), audio: bundle.manifest.spec.audio };
  };
  const [waveform, anew, ring] = [await start(given.folders[0]), await start(given.folders[1]), await start(given.folders[1])];
  const { samples, hopLength, sampleRate } = ring.audio;
  const pcm = Float32Array.from(given.sound);
  const found: Costs = { threads: ring.inference.threads, waveform: [], anew: [], ring: [] };
  for (let i = 0; i < given.runs + 3; i++) {
    const start = Math.floor((i * sampleRate) / hopLength) * hopLength;
    const clip = () => pcm.slice(start % (pcm.length - samples), (start % (pcm.length - samples)) + samples);
    const times = [
      (await waveform.inference.run(clip())).milliseconds,
      (await anew.inference.run(clip())).milliseconds,
      (await ring.inference.run(clip(), { sound: 1, start, heard: samples })).milliseconds,
    ];
    // The first ones warm up, and fill the ring.
    if (i < 3) continue;
    found.waveform.push(times[0]!);
    found.anew.push(times[1]!);
    found.ring.push(times[2]!);
  }
  for (const { inference } of [waveform, anew, ring]) inference.close();
  return found;
}
