/** A file from being chosen to its last answer. */

import { AudioError, windowStarts, type SentioModel } from "../sdk/index.ts";
import type { Log } from "./log.ts";
import type { Moments } from "./moments.ts";
import { clock } from "./words.ts";

/** Seconds from one window to the next that may be chosen. */
const EVERY = [1, 2, 5, 10, 20, 30, 60];

/** Answers over time that are worth waiting for, and milliseconds that they may take. */
const [MOST, BUDGET] = [240, 30_000];

/** What is done, for the eyes: words, and a share from 0 to 1 where one is known. */
export type Tell = (words: string, share?: number) => void;

/**
 * Answer for a file, then for each moment of it.
 *
 * @param log where the answer for the song is kept, if it is; `null` for a song that nobody chose.
 *
 * @throws AudioError, Damaged, BrowserError as the SDK does.
 */
export async function analyzeSong(
  model: SentioModel,
  file: File,
  moments: Moments,
  tell: Tell,
  signal: AbortSignal,
  log: Log | null,
): Promise<void> {
  tell(`Hearing ${file.name}`);
  const answer = await model.predict(file, { signal });
  signal.throwIfAborted();
  moments.answer(answer);
  tell("Reading the whole song");
  let sound;
  try {
    sound = await model.decode(file);
  } catch (error) {
    await log?.add(model, answer, file, null);
    // What is too long as a whole has its first answer all the same.
    if (!(error instanceof AudioError) || model.spec.pooling) throw error;
    throw new AudioError(`${error.message}. The answer shown is for its beginning`);
  }
  await log?.add(model, answer, file, sound);
  signal.throwIfAborted();
  const { audio } = model.spec;
  const seconds = sound.pcm.length / audio.sampleRate;
  const every = distance(sound.pcm.length, answer.inferenceMs, model);
  const count = windowStarts(sound.pcm.length, audio, every).length;
  const clip = `${audio.seconds} s`;
  if (count < 2) {
    const why = seconds < audio.seconds ? `shorter than the ${clip}` : `hardly longer than the ${clip}`;
    moments.length(seconds, `This sound is ${why} that the model hears at once, so there is one answer.`);
    return;
  }
  moments.length(seconds, `Each point is for the ${clip} around it, one every ${every === 1 ? "second" : `${every} s`}.`);
  let done = 0;
  for await (const moment of model.trajectory(sound.pcm, sound.sampleRate, every, { name: file.name, signal })) {
    moments.add(moment);
    done++;
    tell(`Following it over ${clock(seconds)}`, done / count);
  }
}

function distance(samples: number, inferenceMs: number, model: SentioModel): number {
  const few = EVERY.find((every) => {
    const count = windowStarts(samples, model.spec.audio, every).length;
    return count <= MOST && count * inferenceMs <= BUDGET;
  });
  return few ?? (EVERY.at(-1) as number);
}
