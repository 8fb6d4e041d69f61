/** The log-mel in TypeScript: equal to Python's, and the same whether frames are kept or computed anew. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { clipOf, parseGolden } from "../../src/sdk/golden.ts";
import { parseManifest, type AudioSpec, type ModelSpec } from "../../src/sdk/manifest.ts";
import { melBank } from "../../src/sdk/mel/bank.ts";
import { PowerSpectrum } from "../../src/sdk/mel/fft.ts";
import { Frames, LEVEL_FLOOR } from "../../src/sdk/mel/frames.ts";
import { ImageMaker } from "../../src/sdk/mel/image.ts";
import { tensor } from "../support/mel.ts";
import { bytesOf, GOLDEN, MODEL, noGolden } from "../support/paths.ts";
import { tune } from "../support/sounds.ts";

const { spec } = parseManifest(new TextDecoder().decode(bytesOf(join(MODEL, "manifest.json"))));
const { audio } = spec;

/** A clip of few frames, so that tests are quick. */
const SHORT: ModelSpec = {
  ...spec,
  audio: { ...audio, seconds: 8192 / 22050, samples: 8192, nFft: 512, hopLength: 128, nMels: 20, imageSize: [16, 32] },
};

const copy = (frames: readonly Float32Array[]) => frames.map((levels) => levels.slice());
const worst = (one: readonly Float32Array[], other: readonly Float32Array[]) =>
  Math.max(...one.map((levels, t) => Math.max(...levels.map((level, m) => Math.abs(level - other[t]![m]!)))));
const slice = (sound: Float32Array, start: number, audio: AudioSpec) => {
  const clip = new Float32Array(audio.samples);
  clip.set(sound.subarray(start, start + audio.samples));
  return clip;
};

test("a power spectrum is that of the sum it stands for", () => {
  const size = 32;
  const frame = Float64Array.from({ length: size }, (_, i) => Math.sin(0.7 * i) + 0.3 * Math.cos(2.1 * i) + 0.1);
  const power = new Float64Array(size / 2);
  new PowerSpectrum(size).of(frame, power);
  for (let k = 0; k < power.length; k++) {
    let [re, im] = [0, 0];
    frame.forEach((sample, i) => {
      re += sample * Math.cos((2 * Math.PI * k * i) / size);
      im -= sample * Math.sin((2 * Math.PI * k * i) / size);
    });
    assert.ok(Math.abs(power[k]! - (re * re + im * im)) < 1e-9, `bin ${k}`);
  }
});

test("bands are triangles of one area that reach from the lowest frequency to the highest", () => {
  const { bands, bins } = melBank(audio);
  assert.equal(bands.length, 128);
  assert.ok((bins - 1) * (audio.sampleRate / audio.nFft) <= audio.fMax);
  const areas = bands.slice(60).map(({ weights }) => weights.reduce((sum, weight) => sum + weight, 0) * (audio.sampleRate / audio.nFft));
  assert.ok(areas.every((area) => Math.abs(area - 1) < 0.1), String(areas));
});

test("levels and images of the golden sounds are Python's", { skip: noGolden }, () => {
  const frames = new Frames(audio);
  const images = new ImageMaker(spec);
  const [at, levels, cells, picture] = ["frames", "levels", "cells", "picture"].map((name) => tensor(GOLDEN, name));
  const [width, height] = [at!.values.length, audio.nMels];
  let [off, looked, offPicture] = [0, 0, 0];
  for (const [i, vector] of parseGolden(bytesOf(GOLDEN), audio).entries()) {
    const got = frames.of(clipOf(vector, audio));
    const loudest = Math.max(...got.map((one) => Math.max(...one)));
    for (let m = 0; m < height; m++) {
      for (let t = 0; t < width; t++) {
        const wanted = levels!.values[(i * height + m) * width + t]!;
        const level = loudest <= LEVEL_FLOOR ? -80 : Math.max(-80, got[at!.values[t]!]![m]! - loudest);
        if (wanted <= -79) continue;
        looked++;
        off = Math.max(off, Math.abs(level - wanted));
      }
    }
    const image = images.of(got);
    const side = cells!.values.length;
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const value = image[cells!.values[y]! * 224 + cells!.values[x]!]! * spec.imageSd[0] + spec.imageMean[0];
        offPicture = Math.max(offPicture, Math.abs(value - picture!.values[(i * side + y) * side + x]!));
      }
    }
  }
  console.log(`    levels ${off.toExponential(1)} dB off in ${looked} cells, pictures ${offPicture.toExponential(1)}`);
  assert.ok(looked > 10_000);
  assert.ok(off < 0.01, `${off} dB`);
  assert.ok(offPicture < 1e-3, String(offPicture));
});

test("frames that are kept are those that would be computed, and few are computed", () => {
  const { audio } = SHORT;
  const sound = tune(2, 22050, 0.7);
  const kept = new Frames(audio);
  const count = 1 + audio.samples / audio.hopLength;
  for (const [i, hops] of [0, 3, 4, 20, 21, 200, 5].entries()) {
    const start = hops * audio.hopLength;
    const clip = slice(sound, start, audio);
    const before = kept.computed;
    const got = copy(kept.of(clip, { sound: 1, start, heard: audio.samples }));
    assert.equal(worst(got, new Frames(audio).of(clip)), 0, `from hop ${hops}`);
    // Two frames at each end are the window's own.
    const fresh = [count, 3 + 4, 1 + 4, 16 + 4, 1 + 4, count, count][i]!;
    assert.equal(kept.computed - before, fresh, `from hop ${hops}`);
  }
});

test("sound that grows to a clip keeps what does not reach over its end", () => {
  const { audio } = SHORT;
  const sound = tune(1, 22050, 0.3);
  const kept = new Frames(audio);
  for (const heard of [100, 2000, 2100, 8000, 8192]) {
    const clip = new Float32Array(audio.samples);
    clip.set(sound.subarray(0, heard));
    const got = copy(kept.of(clip, { sound: 7, start: 0, heard }));
    assert.equal(worst(got, new Frames(audio).of(clip)), 0, `${heard} samples`);
  }
});

test("another sound finds nothing of the one before it", () => {
  const { audio } = SHORT;
  const kept = new Frames(audio);
  const [one, other] = [slice(tune(1, 22050, 0.1), 0, audio), slice(tune(1, 22050, 0.9), 0, audio)];
  kept.of(one, { sound: 1, start: 0, heard: audio.samples });
  const got = copy(kept.of(other, { sound: 2, start: 0, heard: audio.samples }));
  assert.equal(worst(got, new Frames(audio).of(other)), 0);
});

test("levels are relative to the maximum of the window, not of what was heard before it", () => {
  const { audio } = SHORT;
  const sound = new Float32Array(3 * audio.samples);
  sound.set(tune(1, 22050, 0.5).subarray(0, audio.samples).map((sample) => 4 * sample));
  sound.set(tune(1, 22050, 0.5).subarray(0, audio.samples).map((sample) => sample / 100), 2 * audio.samples);
  const kept = new Frames(audio);
  const images = new ImageMaker(SHORT);
  for (const start of [0, audio.samples, 2 * audio.samples]) {
    const clip = slice(sound, start, audio);
    const image = images.of(kept.of(clip, { sound: 1, start, heard: audio.samples }));
    assert.deepEqual(image, images.of(new Frames(audio).of(clip)));
    const top = Math.max(...image.subarray(0, 16 * 32)) * SHORT.imageSd[0] + SHORT.imageMean[0];
    // Silence in the middle is at the floor; the loud part and the soft one both reach up to the maximum.
    assert.ok(start === audio.samples ? top < 1e-6 : top > 0.9, `${top} from ${start}`);
  }
});

test("zscore has mean 0 and standard deviation 1 over the clip", () => {
  const zscore: ModelSpec = {
    ...SHORT,
    imageMean: [0, 0, 0],
    imageSd: [1, 1, 1],
    audio: { ...SHORT.audio, normalization: "zscore", imageSize: [20, 65] },
  };
  const clip = slice(tune(1, 22050, 0.5), 0, SHORT.audio);
  const image = new ImageMaker(zscore).of(new Frames(SHORT.audio).of(clip)).subarray(0, 20 * 65);
  const mean = image.reduce((sum, value) => sum + value, 0) / image.length;
  const sd = Math.sqrt(image.reduce((sum, value) => sum + (value - mean) ** 2, 0) / image.length);
  assert.ok(Math.abs(mean) < 1e-5 && Math.abs(sd - 1) < 1e-5, `${mean} ${sd}`);
  const silent = new ImageMaker(zscore).of(new Frames(SHORT.audio).of(new Float32Array(SHORT.audio.samples)));
  assert.ok(silent.every((value) => value === 0));
});
