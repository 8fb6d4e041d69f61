/** A folder of songs on the page: analysed, killed in the middle, gone on with, kept, and handed out. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launch, noBrowser, open } from "../support/browser.ts";
import { ready } from "../support/page.ts";
import { DIST, HEADERS } from "../support/paths.ts";
import { serve, type Site } from "../support/server.ts";
import { tune, wav } from "../support/sounds.ts";

const COUNT = 24;

let browser: Browser;
let site: Site;
let folder = "";

before(async () => {
  if (noBrowser) return;
  folder = mkdtempSync(join(tmpdir(), "sentio-library-"));
  const put = (path: string, bytes: Buffer | string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  };
  for (let i = 0; i < COUNT; i++) put(`album ${i % 3}/${String(i).padStart(2, "0")}.wav`, wav([tune(4, 22050, i / COUNT)], 22050));
  put("album 1/broken.mp3", "no music");
  put("album 2/=1+1.wav", "");
  put("album 0/cover.jpg", "a picture");
  [browser, site] = await Promise.all([launch(), serve(DIST, HEADERS)]);
});
after(async () => {
  await browser?.close();
  await site?.close();
  if (folder) rmSync(folder, { recursive: true });
});

const options = { skip: noBrowser };
const state = (page: Page) => page.locator("#library-state").innerText();

async function csv(page: Page): Promise<string[]> {
  const [file] = await Promise.all([page.waitForEvent("download"), page.click("#library-save")]);
  return readFileSync(await file.path(), "utf8").trimEnd().split("\n");
}

test("a folder is analysed, killed in the middle, and gone on with where it was", options, async () => {
  const { page, context, complaints } = await open(browser, site.url);
  await ready(page);
  assert.equal(await page.locator("#library-save").isVisible(), false);
  await page.setInputFiles("#folder", folder);
  await page.waitForFunction(() => document.querySelector<HTMLProgressElement>("#library-progress")!.value >= 5);
  // As a browser that is killed: no time to say goodbye.
  await page.close();

  const again = await context.newPage();
  again.on("pageerror", (error) => complaints.push(error.message));
  await again.goto(site.url);
  await again.locator("#library-save").waitFor();
  const before = Number(/^(\d+) songs?/.exec(await state(again))?.[1]);
  assert.ok(before >= 5 && before < COUNT, await state(again));
  assert.equal((await csv(again)).length, before + 1);

  await again.setInputFiles("#folder", folder);
  const first = await again.waitForFunction(() => document.querySelector<HTMLProgressElement>("#library-progress")!.value || null);
  assert.ok(Number(await first.jsonValue()) >= before, "what was done is not done again");
  await again.getByText("26 songs, 2 of them cannot be used kept on this device.").waitFor({ timeout: 60_000 });
  const [head, ...rows] = await csv(again);
  assert.ok(head!.startsWith("song,start,end,time,valence,arousal,"));
  assert.equal(rows.length, COUNT + 2);
  const song = rows.find((row) => row.includes("/05.wav,"))!.split(",");
  assert.ok(Math.abs(Number(song[4])) <= 1 && song[2] === "4", song.join());
  assert.ok(rows.some((row) => row.includes("broken.mp3") && row.includes("cannot be decoded")));
  assert.ok(!rows.some((row) => row.includes("cover.jpg")));
  await again.click("#library-forget");
  await again.waitForFunction(() => document.querySelector("#library-state")?.textContent === "");
  assert.equal(await again.locator(".library-table").isVisible(), false);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("it is cancelled between songs, and a folder without songs says so", options, async () => {
  const { page, context, complaints } = await open(browser, site.url);
  await ready(page);
  await page.setInputFiles("#folder", folder);
  await page.waitForFunction(() => document.querySelector<HTMLProgressElement>("#library-progress")!.value >= 2);
  await page.click("#library-cancel");
  await page.locator("#library-cancel").waitFor({ state: "hidden" });
  assert.match(await state(page), /^\d+ songs.* kept on this device\. Choose the folder again to go on\.$/);
  assert.equal(await page.locator("#library-error").isVisible(), false);
  await page.setInputFiles("#file", [join(folder, "album 0/cover.jpg"), join(folder, "album 0/cover.jpg")]);
  await page.getByText("No song was found there").waitFor();
  assert.deepEqual(complaints, []);
  await context.close();
});
