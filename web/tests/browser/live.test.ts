/** Live answers from frames that are computed once: those of the waveform form, at less cost. */

import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { quantile } from "../../src/sdk/check.ts";
import { launch, noBrowser, open } from "../support/browser.ts";
import { buildHarness } from "../support/harness.ts";
import { costs, pairs } from "../support/live.ts";
import { HEADERS, WEB } from "../support/paths.ts";
import { serve, type Site } from "../support/server.ts";
import { tune } from "../support/sounds.ts";

let browser: Browser;
let site: Site;
let page: Page;
let complaints: string[];

before(async () => {
  if (noBrowser) return;
  const folder = await buildHarness("live");
  cpSync(join(WEB, "tests/spectrogram"), join(folder, "spectrogram"), { recursive: true });
  [browser, site] = await Promise.all([launch(), serve(folder, HEADERS)]);
  site.falsified = { "favicon.ico": "" };
  ({ page, complaints } = await open(browser, site.url));
});
after(async () => {
  await browser?.close();
  await site?.close();
});

const options = { skip: noBrowser };

/** Loud and energetic, then forty times softer, then silent, then calm: the maximum of the clip changes all the time. */
function changing(rate: number): number[] {
  const whole = new Float32Array(50 * rate);
  whole.set(tune(12, rate, 0.9));
  whole.set(tune(20, rate, 0.6).map((sample) => sample / 40), 12 * rate);
  whole.set(tune(14, rate, 0.1), 36 * rate);
  return [...whole];
}

test("live answers are those of the waveform form for the same stretch", options, async () => {
  const found = await page.evaluate(pairs, { sound: changing(22050), rate: 22050, every: 2.5 });
  assert.ok(found.length >= 18, `${found.length} answers`);
  const worst = Math.max(...found.flatMap(({ live, whole }) => live.map((value, i) => Math.abs(value - whole[i]!))));
  const spread = Math.max(...found.map(({ live }) => live[1])) - Math.min(...found.map(({ live }) => live[1]));
  console.log(`    worst difference ${worst.toExponential(1)} over ${found.length} answers, arousal ${spread.toFixed(2)} wide`);
  assert.ok(spread > 0.2, "the sound changes what is answered");
  assert.ok(worst < 1e-3, String(worst));
  assert.deepEqual(complaints, []);
});

test("a live answer costs less than one that computes its frames anew", options, async () => {
  const given = { sound: changing(22050), runs: 15, threads: 1, folders: ["sentio", "spectrogram"] as [string, string] };
  const { waveform, anew, ring } = await page.evaluate(costs, given);
  const [whole, image, kept] = [waveform, anew, ring].map((times) => quantile(times, 0.5)) as [number, number, number];
  console.log(`    waveform ${whole.toFixed(1)} ms, frames anew ${image.toFixed(1)} ms, frames kept ${kept.toFixed(1)} ms`);
  assert.ok(kept < image && kept < whole, `${kept} ms, ${image} ms, ${whole} ms`);
});
