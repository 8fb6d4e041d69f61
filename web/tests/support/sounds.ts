/** Sounds for tests: made from a formula, so that they are the same everywhere, and in every kind of file by ffmpeg. */

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Why tests of kinds of files are skipped; false where they are not. */
export const noFfmpeg: string | false = spawnSync("ffmpeg", ["-version"]).status === 0 ? false : "no ffmpeg; install it";

/** Samples of a channel, full scale at -1 and 1. */
export type Channel = Float32Array;

/**
 * Something like music: chords that change, over a pulse.
 *
 * @param mood 0 to 1, from slow and low to fast and high.
 */
export function tune(seconds: number, sampleRate: number, mood: number): Channel {
  const pcm = new Float32Array(Math.round(seconds * sampleRate));
  const beat = 0.7 - 0.45 * mood;
  for (let i = 0; i < pcm.length; i++) {
    const time = i / sampleRate;
    const count = Math.floor(time / beat);
    const decay = Math.exp(-5 * (time / beat - count));
    const root = 110 * 2 ** ([0, 5, 7, 3][count % 4]! / 12 + mood);
    let sum = 0;
    for (const [partial, ratio] of [1, mood > 0.5 ? 1.26 : 1.19, 1.498, 2, 3.01].entries()) {
      sum += Math.sin(2 * Math.PI * root * ratio * time) / (partial + 1.5);
    }
    pcm[i] = 0.22 * sum * (0.25 + 0.75 * decay);
  }
  return pcm;
}

/** A WAV file of 16 bits. */
export function wav(channels: readonly Channel[], sampleRate: number): Buffer {
  const frames = channels[0]!.length;
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + frames * channels.length * 2, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(channels.length, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * channels.length * 2, 28);
  header.writeUInt16LE(channels.length * 2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(frames * channels.length * 2, 40);
  const body = new Int16Array(frames * channels.length);
  channels.forEach((channel, c) => channel.forEach((sample, i) => (body[i * channels.length + c] = Math.round(sample * 32767))));
  return Buffer.concat([header, Buffer.from(body.buffer)]);
}

/** The same file in another kind, in a folder of the test's own. */
export function encode(folder: string, source: Buffer, name: string, ...options: string[]): Buffer {
  const path = join(folder, name);
  execFileSync("ffmpeg", ["-v", "error", "-y", "-i", "pipe:0", ...options, path], { input: source });
  return readFileSync(path);
}
