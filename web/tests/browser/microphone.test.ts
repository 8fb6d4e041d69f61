/** The microphone: refused, heard, stopped and lost. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { launch, noBrowser, open } from "../support/browser.ts";
import { done, errorOf, ready, saved } from "../support/page.ts";
import { DIST, HEADERS } from "../support/paths.ts";
import { serve } from "../support/server.ts";
import { tune, wav } from "../support/sounds.ts";

test("a microphone that is refused is told, and the page goes on", { skip: noBrowser }, async () => {
  const [browser, site] = await Promise.all([launch("--use-fake-device-for-media-stream"), serve(DIST, HEADERS)]);
  const { page, complaints } = await open(browser, site.url, { permissions: [] });
  await ready(page);
  await page.getByRole("button", { name: "Listen" }).click();
  await page.locator("#error").waitFor();
  assert.equal(
    await errorOf(page),
    "The microphone was refused; allow it for this page in the browser's settings, then try again.",
  );
  await page.getByRole("button", { name: "Listen", exact: true }).waitFor();
  assert.deepEqual(complaints, []);
  await browser.close();
  await site.close();
});

test("a microphone is heard from the fifth second on, stops when told, and its loss is told", { skip: noBrowser }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "sentio-web-"));
  const heard = join(folder, "heard.wav");
  writeFileSync(heard, wav([tune(20, 48_000, 0.8)], 48_000));
  const flags = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    `--use-file-for-fake-audio-capture=${heard}`,
  ];
  const [browser, site] = await Promise.all([launch(...flags), serve(DIST, HEADERS)]);
  const { page, complaints } = await open(browser, "about:blank", { permissions: [] });
  // Keeps the track that the page gets, to take it away again.
  await page.addInitScript(() => {
    const ask = MediaDevices.prototype.getUserMedia;
    MediaDevices.prototype.getUserMedia = async function (constraints) {
      const stream = await ask.call(this, constraints);
      Object.assign(window, { track: stream.getAudioTracks()[0], asked: constraints });
      return stream;
    };
  });
  await page.goto(site.url);
  await ready(page);
  await page.getByRole("button", { name: "Listen" }).click();
  await page.getByText("Listening; the first answer comes after 5 s").waitFor();
  await page.waitForFunction(() => Number(document.querySelector<HTMLInputElement>("#scrub")?.max) >= 6.9);
  await page.getByRole("button", { name: "Stop listening" }).click();
  await done(page);
  assert.equal(await page.evaluate(() => (window as unknown as { track: MediaStreamTrack }).track.readyState), "ended");
  const { moments } = await saved(page);
  assert.ok(moments.length >= 1 && moments.length <= 4, `${moments.length} answers`);
  assert.ok(
    moments.every(
      ({ start, end, song }, i) => start === 0 && song === "microphone" && end >= 5 && (i === 0 || end > moments[i - 1]!.end),
    ),
  );
  assert.equal(await errorOf(page), "");
  const asked = await page.evaluate(() => (window as unknown as { asked: MediaStreamConstraints }).asked);
  assert.deepEqual(asked, { audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });

  await page.getByRole("button", { name: "Listen" }).click();
  await page.locator("#result").waitFor({ timeout: 20_000 });
  await page.evaluate(() => (window as unknown as { track: MediaStreamTrack }).track.dispatchEvent(new Event("ended")));
  await page.locator("#error").waitFor();
  assert.match(
    await errorOf(page),
    /^The microphone was lost \(it was disconnected, or its permission was taken back\); connect it, then try again\.$/,
  );
  assert.ok((await saved(page)).moments.length >= 1, "what was answered stays");
  await page.getByRole("button", { name: "Listen", exact: true }).waitFor();
  assert.deepEqual(complaints, []);
  await browser.close();
  await site.close();
  rmSync(folder, { recursive: true });
});
