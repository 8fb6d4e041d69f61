/** Model folders that are not right, and ones that were exchanged: what the page says, and that it trusts none of them. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { parseManifest } from "../../src/sdk/manifest.ts";
import { launch, noBrowser, open } from "../support/browser.ts";
import { done, errorOf, ready, saved } from "../support/page.ts";
import { DIST, HEADERS, MODEL } from "../support/paths.ts";
import { serve, type Falsified } from "../support/server.ts";

const TEXT = readFileSync(join(MODEL, "manifest.json"), "utf8");
const ARTIFACT = parseManifest(TEXT).artifacts[0]!.path;

let browser: Browser;
before(async () => {
  if (!noBrowser) browser = await launch();
});
after(() => browser?.close());

// Any: tests break manifests in ways that types forbid.
function changed(change: (manifest: any) => void): string {
  const manifest = JSON.parse(TEXT);
  change(manifest);
  return JSON.stringify(manifest);
}

function flipped(name: string): Buffer {
  const bytes = readFileSync(join(MODEL, name));
  bytes[bytes.length >> 1]! ^= 1;
  return bytes;
}

const faults: [what: string, falsified: Falsified, said: RegExp][] = [
  [
    "a tampered model",
    { [`sentio/${ARTIFACT}`]: flipped(ARTIFACT) },
    /\.onnx: is not the file that the manifest was written for \(SHA-256 differs\)/,
  ],
  [
    "a manifest of a newer schema",
    { "sentio/manifest.json": changed((m) => (m.schema = 4)) },
    /manifest\.json: has schema 4, this app reads 3; update the app/,
  ],
  ["a model file that is missing", { [`sentio/${ARTIFACT}`]: null }, /\.onnx: is missing from the model folder \(status 404\)/],
  ["a model folder that is missing", { "sentio/manifest.json": null }, /manifest\.json: is missing from the model folder/],
  ["a manifest that is a page", { "sentio/manifest.json": "<!doctype html>" }, /manifest\.json: is not JSON/],
  [
    "a folder for phones",
    { "sentio/manifest.json": changed((m) => (m.artifacts[0].format = "tflite")) },
    /manifest\.json: has tflite waveform [a-z0-9-]+; a browser needs an onnx artifact of the form waveform or spectrogram/,
  ],
  [
    "a model that ONNX Runtime does not know",
    {
      "sentio/manifest.json": changed((m) => {
        m.artifacts[0].path = "MODEL_CARD.md";
      }),
    },
    /MODEL_CARD\.md: ONNX Runtime cannot use it/,
  ],
];

for (const [what, falsified, said] of faults) {
  test(`${what} is refused, and told`, { skip: noBrowser }, async () => {
    const site = await serve(DIST, HEADERS);
    site.falsified = falsified;
    const { page, context } = await open(browser, site.url);
    await ready(page);
    const error = await errorOf(page);
    assert.match(error, said);
    assert.ok(!error.includes("\n") && error.endsWith(".") && !error.endsWith(".."), error);
    // Whoever tries all the same is told again, and gets no answer.
    await page.getByRole("button", { name: "Try an example" }).click();
    await done(page);
    assert.equal(await errorOf(page), error);
    assert.equal(await page.locator("#result").isVisible(), false);
    await context.close();
    await site.close();
  });
}

test("golden vectors that were changed fail the check, not the model", { skip: noBrowser }, async () => {
  const site = await serve(DIST, HEADERS);
  site.falsified = { "sentio/golden.safetensors": flipped("golden.safetensors") };
  const { page, context } = await open(browser, site.url);
  await ready(page);
  assert.equal(await errorOf(page), "");
  await page.getByRole("button", { name: "Check this device" }).click();
  await page.locator("#check-error").waitFor();
  assert.match(
    await page.locator("#check-error").innerText(),
    /^golden\.safetensors: is not the file that the manifest was written for/,
  );
  await context.close();
  await site.close();
});

test("uncertainty is shown as a box, as ranges and in words", { skip: noBrowser }, async () => {
  const site = await serve(DIST, HEADERS);
  site.falsified = {
    "sentio/manifest.json": changed((m) => {
      m.spec.uncertainty = { coverage: 0.8, half_width: [0.3, 0.4], songs: 36 };
      m.provenance.data.labels = "listeners";
    }),
  };
  const { page, context, complaints } = await open(browser, site.url);
  await page.getByRole("button", { name: "Try an example" }).click();
  await page.locator("#result").waitFor();
  await done(page);
  const { song } = await saved(page);
  assert.ok(song && song.coverage === 0.8 && Math.abs(song.valence - song.valence_low! - 0.3) < 1e-5);
  assert.ok(Math.min(song.arousal_high!, 1) - song.arousal_low! <= 0.8 + 1e-5);
  const box = page.locator(".plane .interval");
  assert.equal(await box.getAttribute("visibility"), "visible");
  const width = Number(await box.getAttribute("width"));
  assert.ok(Math.abs(width - 430 * (song.valence_high! - song.valence_low!)) < 0.01);
  assert.match(await page.locator("#valence-range").innerText(), /^[+\u2212]\d\.\d\d to [+\u2212]\d\.\d\d$/);
  assert.match(await page.locator("#interval-note").innerText(), /^Ranges hold for 80 of 100 new songs like the 36 /);
  assert.match(await page.locator("#model-note").innerText(), /^This model learned from what listeners said of songs\./);
  assert.deepEqual(complaints, []);
  await context.close();
  await site.close();
});
