/** A whole library: ten thousand songs, some of them broken, killed in the middle and started again. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Emotion } from "../../src/sdk/emotion.ts";
import { AudioError, BrowserError, InputError } from "../../src/sdk/errors.ts";
import { analyseLibrary, isSong, MOST_TRIES, type LibraryProgress, type Row, type Song, type Store } from "../../src/sdk/library/analyse.ts";
import { songsOfEntries, songsOfFiles } from "../../src/sdk/library/folder.ts";
import { csvOf } from "../../src/sdk/library/table.ts";

/** What a disk keeps: rows as they were when `put` had them, whatever becomes of the run. */
class Disk implements Store {
  readonly rows = new Map<string, string>();
  puts = 0;

  async get(path: string): Promise<Row | undefined> {
    const text = this.rows.get(path);
    return text === undefined ? undefined : (JSON.parse(text) as Row);
  }

  async put(row: Row): Promise<void> {
    this.puts++;
    this.rows.set(row.path, JSON.stringify(row));
  }

  async all(): Promise<Row[]> {
    return [...this.rows.values()].map((text) => JSON.parse(text) as Row);
  }
}

const library = (count: number): Song[] =>
  Array.from({ length: count }, (_, i) => ({
    path: `music/${String(i).padStart(5, "0")}.mp3`,
    bytes: 1000 + i,
    modified: 5,
    open: async () => new Blob([String(i)]),
  }));

const emotion = (song: string, valence = 0.5) =>
  new Emotion({ song, valence, arousal: -0.5, start: 0, end: 30, inferenceMs: 1, uncertainty: null, silent: false });

/** Every twentieth song is broken. */
async function answer(sound: Blob, song: Song): Promise<Emotion> {
  const i = Number(await sound.text());
  if (i % 20 === 7) throw new AudioError(`${song.path}: cannot be decoded`);
  return emotion(song.path, i / 10_000);
}

test("ten thousand songs, one in twenty broken, killed in the middle and started again", { timeout: 30_000 }, async () => {
  const [songs, disk, asked] = [library(10_000), new Disk(), [] as string[]];
  const seen: LibraryProgress[] = [];
  const run = (killedAt: number) =>
    new Promise<LibraryProgress | null>((resolve, reject) => {
      const predict = (sound: Blob, song: Song) => {
        if (asked.length === killedAt) {
          // What a killed page does: nothing any more.
          resolve(null);
          return new Promise<Emotion>(() => {});
        }
        asked.push(song.path);
        return answer(sound, song);
      };
      analyseLibrary({ songs, store: disk, model: "m", predict, progress: (now) => seen.push(now) }).then(resolve, reject);
    });
  assert.equal(await run(4321), null);
  assert.equal((await disk.all()).filter((row) => row.answer || row.fault).length, 4321);
  const end = await run(Infinity);
  assert.deepEqual([end?.done, end?.faults, end?.total, end?.secondsLeft], [10_000, 500, 10_000, 0]);
  assert.equal(new Set(asked).size, asked.length, "no song is analysed twice");
  const rows = (await disk.all());
  assert.equal(rows.length, 10_000);
  assert.ok(rows.every(({ answer, fault }, i) => (i % 20 === 7 ? fault?.endsWith("cannot be decoded") && !answer : answer && !fault)));
  assert.equal(rows[4321]!.tries, 2);
  assert.equal(rows[1234]!.answer?.valence, 0.1234);
  const dones = seen.map(({ done }) => done);
  assert.ok(dones.every((done, i) => i === 0 || done === dones[i - 1]! + 1 || done === 4321), "progress counts every song once");
  // And once more: nothing is left to do, and nothing is written.
  const before = disk.puts;
  assert.equal((await run(Infinity))?.faults, 500);
  assert.deepEqual([disk.puts, asked.length], [before, 10_000]);
});

test("cancelling ends the run, keeps what there is, and counts as no try", async () => {
  const [songs, disk, giving] = [library(10), new Disk(), new AbortController()];
  const predict = async (sound: Blob, song: Song) => {
    if (song === songs[4]) giving.abort();
    giving.signal.throwIfAborted();
    return answer(sound, song);
  };
  await assert.rejects(analyseLibrary({ songs, store: disk, model: "m", predict, signal: giving.signal }), { name: "AbortError" });
  assert.equal((await disk.all()).filter((row) => row.answer).length, 4);
  assert.equal((await disk.get(songs[4]!.path))?.tries, 0);
  const end = await analyseLibrary({ songs, store: disk, model: "m", predict: answer });
  assert.deepEqual([end.done, end.faults], [10, 1]);
});

test("a song that stops the browser again and again is left out, and the rest goes on", async () => {
  const [songs, disk] = [library(5), new Disk()];
  const run = () =>
    new Promise<LibraryProgress | null>((resolve, reject) => {
      const predict = (sound: Blob, song: Song) => {
        if (song !== songs[2]) return answer(sound, song);
        resolve(null);
        return new Promise<Emotion>(() => {});
      };
      analyseLibrary({ songs, store: disk, model: "m", predict }).then(resolve, reject);
    });
  for (let i = 0; i < MOST_TRIES; i++) assert.equal(await run(), null);
  const end = await run();
  assert.deepEqual([end?.done, end?.faults], [5, 1]);
  assert.match((await disk.get(songs[2]!.path))!.fault!, /stopped the browser 2 times/);
});

test("songs that changed, and answers of another model, are given anew; a fault of before is not", async () => {
  const [songs, disk, asked] = [library(10), new Disk(), [] as string[]];
  const predict = (sound: Blob, song: Song) => {
    asked.push(song.path);
    return answer(sound, song);
  };
  await analyseLibrary({ songs, store: disk, model: "m", predict });
  asked.length = 0;
  const changed = songs.map((song, i) => (i === 3 ? { ...song, modified: 6 } : i === 4 ? { ...song, bytes: 1 } : song));
  await analyseLibrary({ songs: changed, store: disk, model: "m", predict });
  assert.deepEqual(asked, [songs[3]!.path, songs[4]!.path]);
  asked.length = 0;
  await analyseLibrary({ songs: changed, store: disk, model: "another", predict });
  assert.equal(asked.length, 10);
});

test("a file that is gone is a fault; a browser that gives up, and a full disk, end the run", async () => {
  const [songs, disk] = [library(3), new Disk()];
  const gone = songs.map((song, i) => (i === 1 ? { ...song, open: () => Promise.reject(new Error("NotFoundError")) } : song));
  const end = await analyseLibrary({ songs: gone, store: disk, model: "m", predict: answer });
  assert.equal(end.faults, 1);
  assert.match((await disk.get(songs[1]!.path))!.fault!, /cannot be read any more/);

  const predict = () => Promise.reject(new BrowserError("the worker stopped"));
  await assert.rejects(analyseLibrary({ songs, store: new Disk(), model: "m", predict }), BrowserError);
  const full: Store = { all: async () => [], put: () => Promise.reject(new BrowserError("full")) };
  await assert.rejects(analyseLibrary({ songs, store: full, model: "m", predict: answer }), BrowserError);
  await assert.rejects(analyseLibrary({ songs: [songs[0]!, songs[0]!], store: disk, model: "m", predict: answer }), InputError);
});

test("the table has Python's columns, no formulas, and a line for each song that is done", () => {
  const row = (path: string, answer: Row["answer"], fault: string | null): Row => ({ path, bytes: 1, modified: 1, model: "m", tries: 1, answer, fault });
  const text = csvOf([
    row("a, b.mp3", emotion("a").toJSON(), null),
    row("=cmd|' /C calc'!A0.mp3", null, 'a "fault"'),
    row("begun.mp3", null, null),
  ]);
  const [head, first, second, end] = text.split("\n");
  assert.equal(
    head,
    "song,start,end,time,valence,arousal,valence_low,valence_high,arousal_low,arousal_high,coverage,quadrant,scale,silent,fault",
  );
  assert.equal(first, '"a, b.mp3",0,30,15,0.5,-0.5,,,,,,"pleasant, calm",-1 to 1,false,');
  assert.equal(second, "'=cmd|' /C calc'!A0.mp3,,,,,,,,,,,,,,\"a \"\"fault\"\"\"");
  assert.equal(end, "");
});

test("a folder's songs are found, in folders of more than a reader gives at once, and nothing else is", async () => {
  assert.deepEqual(
    ["a.MP3", "b.flac", ".hidden.mp3", "cover.jpg", "mp3", "._a.wav"].map(isSong),
    [true, true, false, false, false, false],
  );
  const file = (path: string): unknown => ({
    isFile: true,
    name: path.split("/").at(-1),
    fullPath: path,
    file: (done: (file: File) => void, fail: () => void) =>
      path.includes("locked") ? fail() : done(new File(["x"], path.split("/").at(-1)!, { lastModified: 3 })),
  });
  const directory = (path: string, inside: unknown[]): unknown => ({
    isDirectory: true,
    name: path,
    fullPath: path,
    createReader: () => {
      const left = [...inside];
      return { readEntries: (done: (some: unknown[]) => void) => done(left.splice(0, 100)) };
    },
  });
  const many = Array.from({ length: 250 }, (_, i) => file(`/music/b/${String(i).padStart(3, "0")}.ogg`));
  const entries = [directory("/music", [file("/music/z.mp3"), file("/music/notes.txt"), file("/music/locked.mp3"), directory("/music/b", many)])];
  const songs = await songsOfEntries(entries as FileSystemEntry[]);
  assert.equal(songs.length, 251);
  assert.deepEqual([songs[0]!.path, songs.at(-1)!.path, songs[0]!.modified], ["music/b/000.ogg", "music/z.mp3", 3]);
  assert.deepEqual(
    songsOfFiles([new File(["x"], "b.mp3"), new File(["x"], "a.mp3"), new File(["x"], "c.txt")]).map(({ path }) => path),
    ["a.mp3", "b.mp3"],
  );
});
