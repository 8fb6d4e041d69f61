/**
 * A whole library of songs, one after another: what was done before is left, what is broken is noted, and the rest goes on.
 *
 * Pure: songs, store and model come from outside. Each song is noted before it is begun and again when it is done, so that a
 * run that was killed goes on where it was, and a song that killed it twice is left out.
 */

import type { Emotion, EmotionJson } from "../emotion.ts";
import { AudioError, Damaged, InputError, SentioError } from "../errors.ts";

/** A file of the library. */
export interface Song {
  /** Where it lies in the library; no other song has this path. */
  readonly path: string;
  readonly bytes: number;
  /** When it was changed last, in milliseconds since 1970. */
  readonly modified: number;
  /** @throws whatever the browser throws where it is gone. */
  open(): Promise<Blob>;
}

/** What is known of a song. */
export interface Row {
  readonly path: string;
  readonly bytes: number;
  readonly modified: number;
  /** SHA-256 of the artifact that answered, or was to answer. */
  readonly model: string;
  /** How often it was begun. */
  readonly tries: number;
  /** The answer; `null` where there is none yet, or none can be had. */
  readonly answer: EmotionJson | null;
  /** Why there is no answer, in one line; `null` where there is one, or where it was begun and not ended. */
  readonly fault: string | null;
}

/** Where rows are kept; what `put` resolved for must outlast a page that is killed. */
export interface Store {
  /** All rows, each path once. */
  all(): Promise<readonly Row[]>;
  put(row: Row): Promise<void>;
}

/** How far it is. */
export interface LibraryProgress {
  /** Songs with an answer or a fault, those of earlier runs included. */
  readonly done: number;
  /** Those of them that have a fault. */
  readonly faults: number;
  readonly total: number;
  /** Seconds that are left, as far as this run's songs tell; `null` before the first. */
  readonly secondsLeft: number | null;
  /** The song that was done last. */
  readonly row: Row | null;
}

/** What to analyse, and with what. */
export interface LibraryOptions {
  /** Each with a path of its own. */
  readonly songs: readonly Song[];
  readonly store: Store;
  /** SHA-256 of the artifact: answers of another one are given anew. */
  readonly model: string;
  readonly predict: (sound: Blob, song: Song, signal?: AbortSignal) => Promise<Emotion>;
  readonly progress?: (progress: LibraryProgress) => void;
  /** Stops after the song that goes on; the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** The time in milliseconds; for tests. */
  readonly now?: () => number;
}

/** Times that a song is begun before it is taken for one that stops the browser. */
export const MOST_TRIES = 2;

/** Names of files that are songs; all others of a folder are passed over. */
const SONG = /^[^.].*\.(wav|flac|ogg|oga|opus|mp3|m4a|aac|mp4|aiff?|webm)$/i;

/** Whether a file's name is that of a song. Names with a dot in front are what systems hide. */
export function isSong(name: string): boolean {
  return SONG.test(name);
}

/**
 * Analyse what was not analysed yet.
 *
 * A song that cannot be opened, decoded or judged is a row with a fault. An error of the browser or of the store ends the
 * run: it would meet every song.
 *
 * @returns how far it is: all of it.
 * @throws InputError two songs have one path.
 * @throws BrowserError, and whatever the store throws.
 */
export async function analyseLibrary(options: LibraryOptions): Promise<LibraryProgress> {
  const { songs, store, model, progress, signal, now = () => performance.now() } = options;
  const paths = new Set(songs.map(({ path }) => path));
  if (paths.size < songs.length) throw new InputError("Two songs of the library have one path; give each one of its own");
  const waiting: [Song, number][] = [];
  let faults = 0;
  const rows = new Map((await store.all()).map((row) => [row.path, row]));
  for (const song of songs) {
    const known = rows.get(song.path);
    const same = known && known.bytes === song.bytes && known.modified === song.modified && known.model === model;
    if (same && known.fault !== null) faults++;
    if (!same || (known.answer === null && known.fault === null)) waiting.push([song, same ? known.tries : 0]);
  }
  const started = now();
  const before = songs.length - waiting.length;
  let last: LibraryProgress = { done: before, faults, total: songs.length, secondsLeft: null, row: null };
  progress?.(last);
  for (const [i, [song, tries]] of waiting.entries()) {
    signal?.throwIfAborted();
    const begun: Row = { path: song.path, bytes: song.bytes, modified: song.modified, model, tries: tries + 1, answer: null, fault: null };
    let row: Row;
    if (tries >= MOST_TRIES) {
      row = { ...begun, tries, fault: `${song.path}: stopped the browser ${tries} times; convert it to another format` };
    } else {
      await store.put(begun);
      row = { ...begun, ...(await answerFor(song, options)) };
    }
    // One that was cancelled in the middle is no song that stops the browser.
    if (signal?.aborted) {
      await store.put({ ...begun, tries });
      signal.throwIfAborted();
    }
    await store.put(row);
    if (row.fault !== null) faults++;
    const secondsLeft = ((now() - started) / 1000 / (i + 1)) * (waiting.length - i - 1);
    last = { done: before + i + 1, faults, total: songs.length, secondsLeft, row };
    progress?.(last);
  }
  return last;
}

async function answerFor(song: Song, { predict, signal }: LibraryOptions): Promise<Pick<Row, "answer" | "fault">> {
  try {
    return { answer: (await predict(await opened(song), song, signal)).toJSON(), fault: null };
  } catch (error) {
    if (signal?.aborted) return { answer: null, fault: null };
    if (error instanceof AudioError || error instanceof Damaged) return { answer: null, fault: error.message };
    throw error;
  }
}

async function opened(song: Song): Promise<Blob> {
  try {
    return await song.open();
  } catch (error) {
    if (error instanceof SentioError) throw error;
    throw new AudioError(`${song.path}: cannot be read any more; choose the folder again`);
  }
}
