/**
 * What a live answer costs, before and after frames are computed once: `npm run measure:live` writes the table.
 *
 * Three runs take turns for each of 50 windows that follow each other at a second: the waveform artifact, whose front end is
 * in the graph; the spectrogram artifact, its image made of all 1292 frames; the same with frames that are kept. One thread,
 * times of the model's worker, after three runs that warm up. Arguments: a folder with a spectrogram artifact, in place of
 * the tests' own; then there is no waveform artifact of the same model, and that column is left out.
 */

import { cpSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join, resolve } from "node:path";
import { quantile } from "../../src/sdk/check.ts";
import { launch, open } from "../support/browser.ts";
import { buildHarness } from "../support/harness.ts";
import { costs } from "../support/live.ts";
import { HEADERS, WEB } from "../support/paths.ts";
import { serve } from "../support/server.ts";
import { tune } from "../support/sounds.ts";

const [other] = process.argv.slice(2);
const folder = await buildHarness("measure");
cpSync(other ? resolve(other) : join(WEB, "tests/spectrogram"), join(folder, "spectrogram"), { recursive: true });
const [browser, site] = await Promise.all([launch(), serve(folder, HEADERS)]);
const { page } = await open(browser, site.url);
const sound = [...tune(90, 22050, 0.6)];
const folders: [string, string] = [other ? "spectrogram" : "sentio", "spectrogram"];
const found = await page.evaluate(costs, { sound, runs: 50, threads: 1, folders });
const columns = { ...(other ? {} : { waveform: found.waveform }), anew: found.anew, ring: found.ring };
const table = Object.entries(columns).map(([name, times]) => {
  const [p50, p90] = [0.5, 0.9].map((share) => Math.round(10 * quantile(times, share)) / 10);
  return [name, { p50, p90 }] as const;
});
const gain = (name: "waveform" | "anew") => Math.round(10 * quantile(found[name].map((time, i) => time / found.ring[i]!), 0.5)) / 10;
const result = {
  milliseconds: Object.fromEntries(table),
  gain: { ...(other ? {} : { waveform: gain("waveform") }), anew: gain("anew") },
  runs: found.ring.length,
  threads: found.threads,
  browser: browser.version(),
  processor: cpus()[0]?.model,
  load: Math.round(10 * loadavg()[0]!) / 10,
};
console.log(JSON.stringify(result, null, 2));
await browser.close();
await site.close();
