import assert from "node:assert/strict";
import { test } from "node:test";
import { checkPcm, downmix, fit, mixChannels, windowAt, windowStarts } from "../../src/sdk/clip.ts";
import { AudioError, InputError } from "../../src/sdk/errors.ts";
import type { AudioSpec } from "../../src/sdk/manifest.ts";
import { Ring } from "../../src/sdk/ring.ts";
import { MEL } from "../support/mel.ts";

const SMALL: AudioSpec = { sampleRate: 10, seconds: 1, hopLength: 3, shortClip: "silence", samples: 10, ...MEL };
const REAL: AudioSpec = { sampleRate: 22050, seconds: 30, hopLength: 512, shortClip: "silence", samples: 661_500, ...MEL };

test("short sound is followed by silence, or by itself", () => {
  const pcm = Float32Array.of(1, 2, 3);
  assert.deepEqual([...fit(pcm, SMALL)], [1, 2, 3, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual([...fit(pcm, { ...SMALL, shortClip: "loop" })], [1, 2, 3, 1, 2, 3, 1, 2, 3, 1]);
  assert.deepEqual([...fit(Float32Array.of(7), { ...SMALL, shortClip: "loop" })], Array(10).fill(7));
  assert.deepEqual(
    [
      ...fit(
        Float32Array.from({ length: 14 }, (_, i) => i),
        { ...SMALL, shortClip: "loop" },
        2,
      ),
    ],
    [2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  );
});

test("what is no sound is refused", () => {
  checkPcm(Float32Array.of(0), "a");
  checkPcm(Float32Array.of(-3, 3), "a");
  const bad: [number[], string][] = [
    [[], "no samples"],
    [[0, NaN, 1], "not numbers"],
    [[1, -Infinity], "not numbers"],
    [[0, -2e9], "2e+9"],
  ];
  for (const [samples, why] of bad) {
    assert.throws(
      () => checkPcm(Float32Array.from(samples), "song.wav"),
      (error) => error instanceof AudioError && error.message.startsWith("song.wav: ") && error.message.includes(why),
    );
  }
});

test("channels are mixed down by their mean", () => {
  assert.deepEqual([...downmix(Float32Array.of(1, 3, 2, 6), 2)], [2, 4]);
  assert.deepEqual([...downmix(Float32Array.of(1, 3), 1)], [1, 3]);
  const left = Float32Array.of(1, 2);
  assert.deepEqual([...mixChannels([left, Float32Array.of(3, 6), Float32Array.of(2, 1)])], [2, 3]);
  assert.deepEqual([...left], [1, 2]);
  assert.throws(() => downmix(Float32Array.of(1, 2, 3), 2), InputError);
  assert.throws(() => downmix(Float32Array.of(1, 2), 0), InputError);
  assert.throws(() => mixChannels([]), InputError);
  assert.throws(() => mixChannels([left, Float32Array.of(1)]), InputError);
});

test("windows start where Python's do", () => {
  // From sentio_mobile.audio.sliding, for a song of 95 s.
  assert.deepEqual(windowStarts(95 * 22050, REAL, 20), [0, 440_832, 881_664, 1_322_496]);
  const seconds = windowStarts(95 * 22050, REAL, 1);
  assert.equal(seconds.length, 66);
  assert.deepEqual(seconds.slice(0, 4), [0, 22_016, 44_032, 66_048]);
  // Each start is rounded by itself, so that the rounding does not add up.
  assert.deepEqual(windowStarts(1000, SMALL, 0.5).slice(0, 5), [0, 3, 9, 15, 18]);
});

test("the last window lies wholly within the song", () => {
  assert.deepEqual(windowStarts(4, SMALL, 1), [0]);
  assert.deepEqual(windowStarts(12, SMALL, 0.3), [0]);
  assert.deepEqual(windowStarts(13, SMALL, 0.3), [0, 3]);
  assert.equal(windowStarts(0, SMALL, 1).length, 1);
  for (const every of [0, 0.2, -1, NaN, Infinity])
    assert.throws(() => windowStarts(100, SMALL, every), InputError, String(every));
});

test("a window knows how much of it was heard", () => {
  const pcm = Float32Array.from({ length: 14 }, (_, i) => i + 1);
  assert.deepEqual(windowAt(pcm, SMALL, 3).heard, 10);
  assert.deepEqual(windowAt(pcm.subarray(0, 4), SMALL, 0), {
    start: 0,
    heard: 4,
    pcm: Float32Array.of(1, 2, 3, 4, 0, 0, 0, 0, 0, 0),
  });
});

test("a ring remembers the last samples, however they come", () => {
  for (const sizes of [[1, 1, 1, 1, 1, 1, 1], [3, 3, 3], [7], [20], [5, 20, 1], [4, 1], [2]]) {
    const ring = new Ring(5);
    const all: number[] = [];
    for (const size of sizes) {
      const block = Float32Array.from({ length: size }, () => all.length + 1 + Math.random());
      all.push(...block);
      ring.write(block);
    }
    assert.equal(ring.written, all.length);
    assert.deepEqual([...ring.latest()], all.slice(-5), String(sizes));
  }
});
