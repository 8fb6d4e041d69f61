import assert from "node:assert/strict";
import { test } from "node:test";
import { AudioError, Damaged, InputError } from "../../src/sdk/errors.ts";
import type { Emotion } from "../../src/sdk/emotion.ts";
import { FakeInference, fakeModel, settle } from "../support/fakes.ts";

const RATE = 22050;

function constant(value: number, seconds = 31): Float32Array {
  return new Float32Array(seconds * RATE).fill(value);
}

async function all(answers: AsyncIterable<Emotion>): Promise<Emotion[]> {
  const got = [];
  for await (const answer of answers) got.push(answer);
  return got;
}

test("PCM gives the answer of its first clip", async () => {
  const pcm = constant(0.25, 40);
  pcm.fill(0.9, 30 * RATE);
  const emotion = await fakeModel(new FakeInference()).predict(pcm, RATE, { name: "song" });
  assert.deepEqual([emotion.song, emotion.valence, emotion.start, emotion.end, emotion.inferenceMs], ["song", 0.25, 0, 30, 5]);
  assert.ok(Math.abs(emotion.arousal - 0.25) < 1e-6);
});

test("short PCM of another rate is resampled, then filled up with silence", async () => {
  const emotion = await fakeModel(new FakeInference()).predict(new Float32Array(15 * 8000).fill(0.5), 8000);
  assert.equal(emotion.end, 15);
  assert.ok(Math.abs(emotion.arousal - 0.25) < 1e-3, String(emotion.arousal));
});

test("a model that pools answers with the mean over the clips of the whole", async () => {
  const inference = new FakeInference();
  const pcm = constant(0.2, 65);
  pcm.fill(0.6, 29 * RATE);
  const emotion = await fakeModel(inference, { pooling: "mean" }).predict(pcm, RATE);
  assert.equal(inference.asked.length, 2);
  assert.ok(Math.abs(emotion.valence - 0.4) < 1e-6);
  // 30 s are 1,291 hops and a half: the second clip starts where Python's does.
  assert.equal(emotion.end, (1291 * 512 + 661_500) / RATE);
});

test("a trajectory gives each window in order", async () => {
  const pcm = Float32Array.from({ length: 34 * RATE }, (_, i) => i / 1e6);
  const answers = await all(fakeModel(new FakeInference()).trajectory(pcm, RATE, 1.5));
  assert.deepEqual(
    answers.map(({ start }) => start),
    [0, 64 * 512, 129 * 512].map((sample) => sample / RATE),
  );
  assert.ok(answers.every(({ start, end, valence }) => end === start + 30 && Math.abs(valence - (start * RATE) / 1e6) < 1e-6));
});

test("analyses at once are served in order, one at a time, and do not mix", async () => {
  const inference = new FakeInference();
  inference.wait = () => settle();
  const model = fakeModel(inference);
  const values = [0.125, 0.25, 0.5, 0.75];
  const [moments, ...emotions] = await Promise.all([
    all(model.trajectory(constant(-0.5, 33), RATE, 1)),
    ...values.map((value) => model.predict(constant(value), RATE)),
  ]);
  assert.equal(inference.mostBusy, 1);
  assert.deepEqual(
    emotions.map(({ valence }) => valence),
    values,
  );
  assert.deepEqual(
    moments.map(({ valence }) => valence),
    [-0.5, -0.5, -0.5, -0.5],
  );
  assert.deepEqual(
    inference.asked.filter((value) => value > 0),
    values,
  );
});

test("what was given up is not run, and the next is served all the same", async () => {
  const inference = new FakeInference();
  let release = () => {};
  inference.wait = () => new Promise((resolve) => (release = resolve));
  const model = fakeModel(inference);
  const giving = new AbortController();
  const first = model.predict(constant(0.25), RATE);
  const second = model.predict(constant(0.5), RATE, { signal: giving.signal });
  const third = model.predict(constant(0.75), RATE);
  await settle();
  giving.abort();
  release();
  await assert.rejects(second, { name: "AbortError" });
  assert.equal((await first).valence, 0.25);
  await settle();
  release();
  assert.equal((await third).valence, 0.75);
  assert.deepEqual(inference.asked, [0.25, 0.75]);
});

test("an answer that is not a number is a damaged model, and the next call is served", async () => {
  const inference = new FakeInference();
  const model = fakeModel(inference);
  const { answer } = inference;
  inference.answer = () => [NaN, 0];
  await assert.rejects(
    model.predict(constant(0.5), RATE, { name: "song" }),
    (error) => error instanceof Damaged && /song is not a number/.test(error.message),
  );
  inference.answer = answer;
  assert.equal((await model.predict(constant(0.5), RATE)).valence, 0.5);
});

test("bad PCM, bad rates and bad distances never reach the model", async () => {
  const inference = new FakeInference();
  const model = fakeModel(inference);
  await assert.rejects(model.predict(new Float32Array(0), RATE), AudioError);
  await assert.rejects(model.predict(Float32Array.of(0, NaN), RATE), AudioError);
  await assert.rejects(model.predict(constant(0), 44_100.5), InputError);
  await assert.rejects(model.predict(constant(0), NaN), AudioError);
  await assert.rejects(all(model.trajectory(constant(0), RATE, 0.01)), InputError);
  await assert.rejects(all(model.trajectory(constant(0), RATE, NaN)), InputError);
  assert.deepEqual(inference.asked, []);
});

test("a check that a model fails says so", async () => {
  const inference = new FakeInference();
  const model = fakeModel(inference);
  const vectors = await model.golden();
  inference.answer = () => [...(vectors[(inference.asked.length - 1) % vectors.length]?.output ?? [])];
  const steps: number[] = [];
  const good = await model.checkDevice({ runs: 5, progress: (done) => steps.push(done) });
  assert.deepEqual([good.golden.passed, good.golden.worst, good.latency], [true, 0, { runs: 5, p50: 5, p90: 5, p99: 5 }]);
  assert.deepEqual(
    steps,
    Array.from({ length: vectors.length + 3 + 5 }, (_, i) => i + 1),
  );
  inference.answer = () => [vectors[0]!.output[0] + 0.002, vectors[0]!.output[1]];
  assert.equal((await model.checkDevice({ runs: 1 })).golden.passed, false);
  await assert.rejects(model.checkDevice({ runs: 0 }), InputError);
});
