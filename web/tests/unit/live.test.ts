import assert from "node:assert/strict";
import { test } from "node:test";
import { InputError, MicrophoneError } from "../../src/sdk/errors.ts";
import type { Emotion } from "../../src/sdk/emotion.ts";
import { FakeInference, fakeModel, FakeSource, settle } from "../support/fakes.ts";

/** Everything that a stream gives, and what it ended with. */
function collect(answers: AsyncIterable<Emotion>): { got: Emotion[]; ended: Promise<unknown> } {
  const got: Emotion[] = [];
  const run = async () => {
    for await (const answer of answers) got.push(answer);
  };
  return { got, ended: run().catch((error: unknown) => error) };
}

/** Let seconds be heard one by one, with time for an answer after each. */
async function seconds(source: FakeSource, count: number, value: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    source.hear(1, value);
    await settle();
  }
}

test("answers come every second from the fifth on, of the last half minute", async () => {
  const source = new FakeSource(22050);
  const heard: number[] = [];
  const { got, ended } = collect(fakeModel(new FakeInference()).stream(source, { listening: (s) => heard.push(s) }));
  await settle();
  await seconds(source, 4, 0.5);
  assert.equal(got.length, 0);
  await seconds(source, 31, 0.5);
  source.listener?.ended();
  assert.equal(await ended, undefined);
  assert.deepEqual(
    got.map(({ end }) => Math.round(end)),
    Array.from({ length: 31 }, (_, i) => i + 5),
  );
  assert.ok(Math.abs(got[0]!.arousal - (0.5 * 5) / 30) < 1e-3);
  assert.ok(Math.abs(got.at(-1)!.start - 5) < 1e-9 && Math.abs(got.at(-1)!.arousal - 0.5) < 1e-6);
  assert.equal(heard.length, 350);
  assert.equal(source.stops, 1);
});

test("a microphone's rate is resampled", async () => {
  const source = new FakeSource(48_000);
  const { got, ended } = collect(fakeModel(new FakeInference()).stream(source, { minimum: 1, every: 2 }));
  await settle();
  await seconds(source, 6, 0.5);
  source.listener?.ended();
  await ended;
  // The filter holds back 2 ms, so that a second is there only with the block after it.
  assert.deepEqual(
    got.map(({ end }) => Math.floor(end)),
    [1, 3, 5],
  );
});

test("what is heard while the microphone still starts is not lost", async () => {
  const source = new FakeSource(22050);
  const start = source.start.bind(source);
  source.start = async (listener) => {
    const rate = await start(listener);
    source.hear(2, 0.25);
    return rate;
  };
  const { got, ended } = collect(fakeModel(new FakeInference()).stream(source, { minimum: 3 }));
  await settle();
  await seconds(source, 1, 0.5);
  source.listener?.ended();
  await ended;
  assert.deepEqual(
    got.map(({ valence, end }) => [valence, end]),
    [[0.25, 3]],
  );
});

test("a model that is too slow leaves answers out, and takes the newest sound", async () => {
  const inference = new FakeInference();
  let release = () => {};
  inference.wait = () => new Promise((resolve) => (release = resolve));
  const source = new FakeSource(22050);
  const { got, ended } = collect(fakeModel(inference).stream(source, { minimum: 1 }));
  await settle();
  await seconds(source, 8, 0.5);
  assert.equal(inference.asked.length, 1);
  release();
  await settle();
  assert.equal(inference.asked.length, 2);
  release();
  await settle();
  assert.deepEqual(
    got.map(({ end }) => end),
    [1, 8],
  );
  inference.wait = () => Promise.resolve();
  await seconds(source, 1, 0.5);
  source.listener?.ended();
  await ended;
  assert.deepEqual(
    got.map(({ end }) => end),
    [1, 8, 9],
  );
});

test("a microphone that is lost ends the stream with its error, after what it had answered", async () => {
  const source = new FakeSource(22050);
  const { got, ended } = collect(fakeModel(new FakeInference()).stream(source));
  await settle();
  await seconds(source, 6, 0.5);
  source.listener?.ended(new MicrophoneError("The microphone was lost"));
  assert.ok((await ended) instanceof MicrophoneError);
  assert.equal(got.length, 2);
  assert.equal(source.stops, 1);
});

test("cancelling, and leaving the loop, stop the microphone", async () => {
  const cancelled = new FakeSource(22050);
  const giving = new AbortController();
  const { ended } = collect(fakeModel(new FakeInference()).stream(cancelled, { signal: giving.signal }));
  await settle();
  cancelled.hear(1, 0);
  giving.abort();
  assert.equal(((await ended) as Error).name, "AbortError");
  assert.equal(cancelled.stops, 1);

  const left = new FakeSource(22050);
  const run = (async () => {
    for await (const _ of fakeModel(new FakeInference()).stream(left)) break;
  })();
  await settle();
  left.hear(5, 0);
  await run;
  assert.equal(left.stops, 1);
});

test("a microphone that is refused is told, and times that are none are refused before it is asked for", async () => {
  const source = new FakeSource(22050);
  source.start = () => Promise.reject(new MicrophoneError("refused"));
  assert.ok((await collect(fakeModel(new FakeInference()).stream(source)).ended) instanceof MicrophoneError);
  for (const options of [{ every: 0 }, { every: NaN }, { minimum: -1 }, { minimum: 31 }]) {
    const never = new FakeSource(22050);
    assert.ok((await collect(fakeModel(new FakeInference()).stream(never, options)).ended) instanceof InputError);
    assert.equal(never.listener, null);
  }
});
