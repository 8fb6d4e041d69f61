/** PCM as the model takes it: mono, checked, cut or filled up to a clip, and window after window of a song. */

import { AudioError, InputError } from "./errors.ts";
import type { AudioSpec } from "./manifest.ts";

/** Sample value above which PCM does not hold sound: full scale is 1, and 2^31 where integers were taken for floats. */
const LOUDEST = 1e9;

/** A clip of a song. */
export interface Window {
  /** Its first sample in the song, a multiple of the hop. */
  readonly start: number;
  /** How many of its samples come from the song; the rest fills up a song shorter than a clip. */
  readonly heard: number;
  /** As many samples as a clip has. */
  readonly pcm: Float32Array<ArrayBuffer>;
}

/** The largest absolute sample of a clip that counts as silent: 80 dB below full scale, the floor of the log-mel. */
export const SILENT_PEAK = 1e-4;

/** Whether nothing can be heard in a clip, for example because its channels cancelled each other. */
export function isSilent(pcm: Float32Array): boolean {
  return pcm.every((sample) => Math.abs(sample) < SILENT_PEAK);
}

/**
 * Make sure that PCM holds sound, or silence.
 *
 * @throws AudioError it is empty, or a sample is no number or far beyond full scale; the message starts with `name`.
 */
export function checkPcm(pcm: Float32Array, name: string): void {
  if (pcm.length === 0) throw new AudioError(`${name}: holds no samples; give a file with sound in it`);
  let loudest = 0;
  for (const sample of pcm) {
    const loud = Math.abs(sample);
    if (loud <= loudest) continue;
    // A NaN comes here, too, as no comparison holds for it.
    loudest = loud;
    if (!Number.isFinite(loud)) break;
  }
  if (!Number.isFinite(loudest)) {
    throw new AudioError(`${name}: holds samples that are not numbers; decode it again from its source`);
  }
  if (loudest > LOUDEST) {
    throw new AudioError(
      `${name}: holds samples of ${loudest.toExponential(0)} where full scale is 1; decode it again from its source`,
    );
  }
}

/**
 * Mix channels down by their mean.
 *
 * @param channels at least one, all of one length; none of them is changed.
 */
export function mixChannels(channels: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const [first, ...others] = channels;
  if (!first) throw new InputError("No channels to mix; give at least one");
  const mono = Float32Array.from(first);
  for (const channel of others) {
    if (channel.length !== mono.length) throw new InputError("Channels to mix differ in length; give them equally long");
    for (let i = 0; i < mono.length; i++) mono[i]! += channel[i]!;
  }
  if (others.length) for (let i = 0; i < mono.length; i++) mono[i]! /= channels.length;
  return mono;
}

/**
 * Mix interleaved PCM down by the mean of its channels.
 *
 * @param interleaved frame after frame, each with one sample a channel; full scale at -1 and 1.
 * @param channels 1 or more.
 * @throws InputError the samples do not make whole frames.
 */
export function downmix(interleaved: Float32Array, channels: number): Float32Array<ArrayBuffer> {
  if (!Number.isInteger(channels) || channels < 1 || interleaved.length % channels) {
    throw new InputError(
      `${interleaved.length} samples are no whole frames of ${channels} channels; check the count of channels`,
    );
  }
  const mono = new Float32Array(interleaved.length / channels);
  for (let i = 0; i < mono.length; i++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += interleaved[i * channels + channel]!;
    mono[i] = sum / channels;
  }
  return mono;
}

/**
 * One clip from `start` on; shorter sound is filled up as `audio.shortClip` says.
 *
 * @param pcm at `audio.sampleRate`, with at least one sample from `start` on.
 */
export function fit(pcm: Float32Array, audio: AudioSpec, start = 0): Float32Array<ArrayBuffer> {
  const clip = new Float32Array(audio.samples);
  const heard = pcm.subarray(start, start + audio.samples);
  clip.set(heard);
  if (audio.shortClip === "loop") repeat(clip, heard.length);
  return clip;
}

/** Fill an array with its own first `length` values, again and again. */
export function repeat(values: Float32Array | Int16Array, length: number): void {
  for (let filled = length; filled > 0 && filled < values.length; filled *= 2) {
    values.copyWithin(filled, 0, Math.min(filled, values.length - filled));
  }
}

/**
 * Make sure that windows can follow each other at this distance in seconds.
 *
 * @throws InputError it is not a number, or smaller than the hop.
 */
export function checkEvery(every: number, audio: AudioSpec): void {
  const hop = audio.hopLength / audio.sampleRate;
  if (!Number.isFinite(every) || every < hop) {
    throw new InputError(`every ${every} s is no distance of windows; give ${Math.ceil(1000 * hop) / 1000} s or more`);
  }
}

/**
 * The first sample of each window of a song: each multiple of `every`, rounded down to the hop, whose window lies wholly
 * within the song. A song shorter than a clip has one window.
 *
 * @param samples of the song, at `audio.sampleRate`.
 * @param every seconds from one start to the next.
 * @throws InputError `every` is not a number, or smaller than a hop.
 */
export function windowStarts(samples: number, audio: AudioSpec, every: number): number[] {
  checkEvery(every, audio);
  const starts = [];
  for (let k = 0; ; k++) {
    // A little more, lest a whole number of hops that came out as 43.999 loses one.
    const start = Math.floor((k * every * audio.sampleRate) / audio.hopLength + 1e-6) * audio.hopLength;
    if (k > 0 && start + audio.samples > samples) return starts;
    starts.push(start);
  }
}

/** The window of a song that starts at a sample. */
export function windowAt(pcm: Float32Array, audio: AudioSpec, start: number): Window {
  return { start, heard: Math.min(audio.samples, pcm.length - start), pcm: fit(pcm, audio, start) };
}
