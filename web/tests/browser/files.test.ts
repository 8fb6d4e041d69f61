/** Files of every kind, and files that are none. */

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch, noBrowser, open, type Opened } from "../support/browser.ts";
import { answersFor, choose, done, errorOf, ready, type Saved } from "../support/page.ts";
import { DIST, HEADERS } from "../support/paths.ts";
import { serve, type Site } from "../support/server.ts";
import { encode, noFfmpeg, tune, wav } from "../support/sounds.ts";

const folder = mkdtempSync(join(tmpdir(), "sentio-web-"));

const noProc: string | false = existsSync("/proc/self/status") ? false : "no /proc to read memory from; only Linux has it";

let browser: Browser;
let site: Site;
let opened: Opened;

before(async () => {
  if (noBrowser) return;
  [browser, site] = await Promise.all([launch(), serve(DIST, HEADERS)]);
  opened = await open(browser, site.url);
  await ready(opened.page);
});
after(async () => {
  await browser?.close();
  await site?.close();
  rmSync(folder, { recursive: true });
});

/** By how much two answers differ. */
function apart(a: Saved, b: Saved): number {
  assert.ok(a.song && b.song);
  return Math.max(Math.abs(a.song.valence - b.song.valence), Math.abs(a.song.arousal - b.song.arousal));
}

test("every kind of file that people have gives the answer of its sound", { skip: noBrowser || noFfmpeg }, async () => {
  const { page, complaints } = opened;
  const source = wav([tune(20, 44_100, 0.3), tune(20, 44_100, 0.7)], 44_100);
  const wanted = await answersFor(page, "tune.wav", source);
  const kinds: [name: string, most: number, ...options: string[]][] = [
    ["tune.flac", 1e-4],
    ["tune.ogg", 0.05, "-c:a", "libvorbis", "-q:a", "8"],
    ["tune.opus", 0.08, "-c:a", "libopus", "-b:a", "192k"],
    ["tune.mp3", 0.05, "-b:a", "256k"],
    ["tune.m4a", 0.05, "-b:a", "256k"],
    ["24 bits.wav", 1e-3, "-c:a", "pcm_s24le"],
  ];
  for (const [name, most, ...options] of kinds) {
    const off = apart(await answersFor(page, name, encode(folder, source, name, ...options)), wanted);
    assert.ok(off < most, `${name} is ${off} off`);
  }
  const other = await answersFor(page, "other.wav", wav([tune(20, 44_100, 0)], 44_100));
  assert.ok(apart(other, wanted) > 0.1, "another tune has another answer, so that agreement means something");
  assert.deepEqual(complaints, []);
});

test("8 kHz, 96 kHz and 7.1 are heard as what they are", { skip: noBrowser || noFfmpeg }, async () => {
  const { page, complaints } = opened;
  const plain = await answersFor(page, "plain.wav", wav([tune(12, 22_050, 0.4)], 22_050));
  const fine = await answersFor(page, "96 kHz.wav", wav([tune(12, 96_000, 0.4)], 96_000));
  assert.ok(apart(fine, plain) < 0.05, `96 kHz is ${apart(fine, plain)} off`);
  const telephone = await answersFor(page, "8 kHz.wav", wav([tune(12, 8_000, 0.4)], 8_000));
  assert.ok(telephone.song && Math.abs(telephone.song.end - 12) < 0.01);
  // Eight channels whose mean is the plain tune; a downmix for loudspeakers would weigh them.
  const [tuned, silent] = [tune(12, 22_050, 0.4), new Float32Array(12 * 22_050)];
  const channels = Array.from({ length: 8 }, (_, i) => (i === 5 ? tuned : silent));
  const surround = encode(folder, wav(channels, 22_050), "7.1.wav", "-channel_layout", "7.1");
  const mixed = await answersFor(page, "7.1.wav", surround);
  const eighth = await answersFor(page, "an eighth.wav", wav([tuned.map((sample) => sample / 8)], 22_050));
  assert.ok(apart(mixed, eighth) < 0.02, `7.1 is ${apart(mixed, eighth)} off`);
  assert.deepEqual(complaints, []);
});

test("a file that cannot be used is told in one line, and the next one works", { skip: noBrowser }, async () => {
  const { page, complaints } = opened;
  const noise = Buffer.from(Uint8Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 251));
  const good = wav([tune(6, 22_050, 0.4)], 22_050);
  const bad: [name: string, content: Buffer, said: RegExp][] = [
    ["noise.mp3", noise, /^noise\.mp3: cannot be decoded, it is damaged or not audio; give a wav, flac, ogg, mp3 or m4a file\.$/],
    ["empty.wav", Buffer.alloc(0), /^empty\.wav: is empty, 0 bytes; copy it again from its source\.$/],
    ["header.wav", good.subarray(0, 44), /^header\.wav: (holds no samples|cannot be decoded)/],
    ["picture.png", Buffer.from("89504e470d0a1a0a0000000d49484452", "hex"), /^picture\.png: cannot be decoded/],
    ["<b>bold<\\b>.txt", Buffer.from("words"), /^<b>bold<\\b>\.txt: cannot be decoded/],
  ];
  for (const [name, content, said] of bad) {
    await choose(page, name, content);
    await page.locator("#error").waitFor();
    await done(page);
    assert.match(await errorOf(page), said);
    assert.equal(await page.locator("#result").isVisible(), false);
    await answersFor(page, "good.wav", good);
  }
  // Half of a file holds half of its sound.
  const half = await answersFor(page, "half.wav", good.subarray(0, good.length / 2));
  assert.ok(half.song && Math.abs(half.song.end - 3) < 0.1);
  assert.deepEqual(complaints, []);
});

test("of a song that is too long, the beginning is answered, and why it ends there is told", { skip: noBrowser }, async () => {
  const { page, complaints } = opened;
  const long = new Float32Array(21 * 60 * 8000);
  long.set(tune(60, 8000, 0.4));
  await choose(page, "long.wav", wav([long], 8000));
  await page.locator("#error").waitFor();
  const error = "long.wav: has 21 minutes, too much to decode in a browser; cut it into parts of 20 minutes or less.";
  assert.equal(await errorOf(page), `${error} The answer shown is for its beginning.`);
  assert.equal(
    await page
      .locator("#facts")
      .innerText()
      .then((words) => words.slice(0, 12)),
    "0:00 to 0:30",
  );
  assert.deepEqual(complaints, []);
});

/** The most memory that any of the browser's pages ever had, in MB, as Linux counts it. */
async function peak(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const peaks = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1]) / 1e3);
  return Math.max(...peaks);
}

test("ten minutes are followed to their end, in bounded memory", { skip: noBrowser || noFfmpeg || noProc }, async () => {
  const { page, complaints } = opened;
  const one = tune(60, 22_050, 0.6);
  const ten = new Float32Array(10 * one.length);
  for (let i = 0; i < 10; i++) ten.set(one, i * one.length);
  const file = encode(folder, wav([ten], 22_050), "ten minutes.ogg", "-c:a", "libvorbis");
  const before = await peak(browser);
  const { moments } = await answersFor(page, "ten minutes.ogg", file);
  const grown = (await peak(browser)) - before;
  console.log(`    ${moments.length} answers; the page's peak of memory rose by ${grown.toFixed(0)} MB`);
  assert.ok(moments.length > 10);
  const every = moments[1]!.start - moments[0]!.start;
  const last = moments.at(-1)!;
  assert.ok(last.end <= 600.1 && last.end > 600 - every - 0.1, `the last window ends at ${last.end}`);
  // 53 MB are the sound at the model's rate; decoding takes several times that, for a moment.
  assert.ok(grown < 300, `${grown} MB more than before`);
  assert.deepEqual(complaints, []);
});
