import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Damaged } from "../../src/sdk/errors.ts";
import { clipOf, parseGolden, soundOf } from "../../src/sdk/golden.ts";
import type { AudioSpec } from "../../src/sdk/manifest.ts";
import { MEL } from "../support/mel.ts";
import { bytesOf, GOLDEN, MODEL, noGolden } from "../support/paths.ts";

const AUDIO: AudioSpec = { sampleRate: 22050, seconds: 30, hopLength: 512, shortClip: "silence", samples: 661_500, ...MEL };

test("the model folder's golden vectors are read", () => {
  const vectors = parseGolden(bytesOf(join(MODEL, "golden.safetensors")), AUDIO);
  assert.equal(vectors.length, 4);
  assert.deepEqual(
    vectors.map(({ length }) => length),
    [661_500, 661_500, 661_500, 220_500],
  );
  const outputs = vectors.flatMap(({ output }) => output);
  assert.ok(outputs.every((value) => Math.abs(value) <= 1) && Math.max(...outputs) - Math.min(...outputs) > 1);
});

test("a clip repeats its excerpt, then is silent", () => {
  const vector = { excerpt: Int16Array.of(16_384, -32_768, 0), length: 7, output: [0, 0] as const };
  assert.deepEqual([...soundOf(vector)], [0.5, -1, 0, 0.5, -1, 0, 0.5]);
  assert.deepEqual([...clipOf(vector, { ...AUDIO, samples: 9, shortClip: "loop" })], [0.5, -1, 0, 0.5, -1, 0, 0.5, 0, 0]);
  assert.deepEqual([...soundOf({ ...vector, length: 2 })], [0.5, -1]);
});

test("the repository's golden vectors are read by the same code", { skip: noGolden }, () => {
  assert.equal(parseGolden(bytesOf(GOLDEN), AUDIO).length, 9);
});

test("what holds no golden vectors is damaged", () => {
  const good = bytesOf(join(MODEL, "golden.safetensors"));
  for (const bytes of [
    new ArrayBuffer(0),
    new ArrayBuffer(64),
    good.slice(0, 5000),
    new TextEncoder().encode("<!doctype html>").buffer,
  ]) {
    assert.throws(() => parseGolden(bytes, AUDIO), Damaged);
  }
  assert.throws(() => parseGolden(good, { ...AUDIO, samples: 1000 }), Damaged);
});
