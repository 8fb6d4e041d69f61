import assert from "node:assert/strict";
import { test } from "node:test";
import { quantile, toleranceOf } from "../../src/sdk/check.ts";
import { isSilent } from "../../src/sdk/clip.ts";
import { Emotion, meanOf, type EmotionParts } from "../../src/sdk/emotion.ts";

const HEARD = { song: "a.mp3", start: 0, end: 30, inferenceMs: 20, uncertainty: null, silent: false };
const PARTS: EmotionParts = { ...HEARD, valence: 0.5, arousal: -0.9 };
const MEASURED = { coverage: 0.8, halfWidth: [0.2, 0.3] as const, songs: 90 };

test("quadrants: zero is pleasant, and energetic", () => {
  const of = (valence: number, arousal: number) => new Emotion({ ...PARTS, valence, arousal }).quadrant;
  assert.equal(of(0, 0), "pleasant, energetic");
  assert.equal(of(0.1, -0.1), "pleasant, calm");
  assert.equal(of(-0.1, 0), "unpleasant, energetic");
  assert.equal(of(-0.1, -1e-9), "unpleasant, calm");
});

test("intervals lie around the answer and end at the scale", () => {
  assert.equal(new Emotion(PARTS).interval, null);
  const { interval } = new Emotion({ ...PARTS, uncertainty: MEASURED });
  assert.deepEqual(interval, { valence: [0.3, 0.7], arousal: [-1, -0.6000000000000001], coverage: 0.8 });
});

test("JSON has the names, the order and the rounding of every other language", () => {
  const emotion = new Emotion({ ...PARTS, valence: 0.12345678, start: 1.0000004, uncertainty: MEASURED });
  assert.equal(
    JSON.stringify(emotion),
    '{"song":"a.mp3","start":1,"end":30,"time":15.5,"valence":0.123457,"arousal":-0.9,"valence_low":-0.076543,"valence_high":0.323457,' +
      '"arousal_low":-1,"arousal_high":-0.6,"coverage":0.8,"quadrant":"pleasant, calm","scale":[-1,1],"silent":false}',
  );
  assert.equal(new Emotion(PARTS).toJSON().coverage, null);
});

test("a song's mean spans from its first answer to its last", () => {
  const mean = meanOf([
    new Emotion(PARTS),
    new Emotion({ ...PARTS, valence: 0.1, arousal: 0.1, start: 30, end: 60, inferenceMs: 40 }),
  ]);
  assert.deepEqual([mean.valence, mean.arousal, mean.start, mean.end, mean.inferenceMs], [0.3, -0.4, 0, 60, 60]);
});

test("a song is silent where all of its windows are", () => {
  assert.equal(meanOf([new Emotion(PARTS), new Emotion({ ...PARTS, silent: true })]).silent, false);
  assert.equal(meanOf([new Emotion({ ...PARTS, silent: true })]).silent, true);
  assert.equal(isSilent(Float32Array.of(0, 9e-5, -9e-5)), true);
  assert.equal(isSilent(Float32Array.of(0, -2e-4)), false);
});

test("quantiles are numpy's", () => {
  assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5);
  assert.equal(quantile([5], 0.99), 5);
  assert.ok(Math.abs(quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.9) - 9.1) < 1e-12);
});

test("narrower artifacts may be as far off as their manifest says", () => {
  const artifact = { format: "onnx", form: "waveform", precision: "int8", path: "a" };
  assert.equal(toleranceOf({ ...artifact, tolerance: 0.1 }), 0.1);
  assert.equal(toleranceOf({ ...artifact, tolerance: 1e-4 }), 1e-3);
  assert.equal(toleranceOf({ ...artifact, tolerance: null }), 1e-3);
});
