import assert from "node:assert/strict";
import { test } from "node:test";
import { InputError } from "../../src/sdk/errors.ts";
import { resample, Resampler } from "../../src/sdk/resample.ts";

const RATES = [8000, 16000, 22050, 44100, 48000, 96000];
const TO = 22050;

function sine(hertz: number, rate: number, seconds = 0.5): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: Math.round(rate * seconds) }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / rate));
}

/** Largest difference, leaving out the ends, where the filter hears the silence around the sound. */
function worst(a: Float32Array, b: Float32Array): number {
  let most = 0;
  for (let i = 500; i < Math.min(a.length, b.length) - 500; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}

test("what both rates can hold comes through in place and in size", () => {
  for (const rate of RATES) {
    for (const hertz of [100, 1000, 3000]) {
      const got = resample(sine(hertz, rate), rate, TO);
      assert.equal(got.length, Math.round(0.5 * TO));
      assert.ok(worst(got, sine(hertz, TO)) < 2e-4, `${hertz} Hz at ${rate}: ${worst(got, sine(hertz, TO))}`);
    }
  }
});

test("what the lower rate cannot hold is gone, and does not come back as another tone", () => {
  for (const hertz of [12_000, 15_000, 20_000]) {
    const got = resample(sine(hertz, 48_000), 48_000, TO);
    assert.ok(worst(got, new Float32Array(got.length)) < 1e-4, `${hertz} Hz: ${worst(got, new Float32Array(got.length))}`);
  }
});

test("a constant stays what it is", () => {
  const got = resample(new Float32Array(20_000).fill(0.5), 44_100, TO);
  assert.ok(worst(got, new Float32Array(got.length).fill(0.5)) < 1e-6);
});

test("blocks of any size give what the whole gives", () => {
  for (const rate of RATES) {
    const pcm = sine(440, rate, 0.2);
    const whole = resample(pcm, rate, TO);
    for (const size of [1, 128, 1000]) {
      const resampler = new Resampler(rate, TO);
      const parts: number[] = [];
      for (let i = 0; i < pcm.length; i += size) parts.push(...resampler.push(pcm.subarray(i, i + size)));
      parts.push(...resampler.flush());
      assert.deepEqual(parts, [...whole], `${rate} Hz in blocks of ${size}`);
    }
  }
});

test("the same rate changes nothing, and shares nothing", () => {
  const pcm = sine(440, TO);
  const got = resample(pcm, TO, TO);
  assert.deepEqual(got, pcm);
  assert.notEqual(got.buffer, pcm.buffer);
});

test("no rate of music is refused", () => {
  for (const rate of [0, -1, 999, 44_100.5, NaN, 1e9]) assert.throws(() => new Resampler(rate, TO), InputError, String(rate));
});
