/** Threads that do not start, for each reason that a browser has: the model runs on one, and answers the same. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launch, noBrowser, open } from "../support/browser.ts";
import { buildHarness, type Harness } from "../support/harness.ts";
import { HEADERS, WEB } from "../support/paths.ts";
import { serve, type Site } from "../support/server.ts";

declare const window: Harness;

const GLUE = readFileSync(join(WEB, "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.mjs"), "utf8");
const THREAD = "new Worker(new URL(import.meta.url)";

let browser: Browser;
let folder: string;

before(async () => {
  if (noBrowser) return;
  [browser, folder] = await Promise.all([launch(), buildHarness("threads")]);
  assert.equal(GLUE.split(THREAD).length, 2, "ONNX Runtime starts its threads where this test thinks");
});
after(() => browser?.close());

interface Found {
  isolated: boolean;
  threads: number;
  worst: number;
}

/** Two threads asked for: how many there are, and how far the golden vectors are off. */
function answers(page: Page, patience = 20_000): Promise<Found> {
  return page.evaluate(async (patience) => {
    const { SentioModel, httpFolder, clipOf } = window.sdk;
    const folder = httpFolder(new URL("sentio", document.baseURI));
    const bundle = await window.parts.openBundle(folder);
    const inference = await window.parts.startInference(bundle, 2, patience);
    const model = new SentioModel(folder, bundle, inference);
    let worst = 0;
    for (const vector of await model.golden()) {
      const { valence, arousal } = await model.predict(clipOf(vector, model.spec.audio), model.spec.audio.sampleRate);
      worst = Math.max(worst, Math.abs(valence - vector.output[0]), Math.abs(arousal - vector.output[1]));
    }
    model.close();
    return { isolated: crossOriginIsolated, threads: inference.threads, worst };
  }, patience);
}

async function tried(headers: Readonly<Record<string, string>>, prepare?: (site: Site, page: Page) => Promise<void>, patience?: number) {
  const site = await serve(folder, headers);
  const { page, context } = await open(browser, site.url);
  try {
    await prepare?.(site, page);
    return await answers(page, patience);
  } finally {
    await context.close();
    await site.close();
  }
}

const options = { skip: noBrowser };
const { "Cross-Origin-Opener-Policy": _opener, "Cross-Origin-Embedder-Policy": _embedder, ...others } = HEADERS;

test("where nothing is wrong there are two", options, async () => {
  const { isolated, threads, worst } = await tried(HEADERS);
  assert.deepEqual([isolated, threads], [true, 2]);
  assert.ok(worst < 1e-4, String(worst));
});

test("without the two headers there is one", options, async () => {
  const { isolated, threads, worst } = await tried(others);
  assert.deepEqual([isolated, threads], [false, 1]);
  assert.ok(worst < 1e-4, String(worst));
});

test("without SharedArrayBuffer there is one", options, async () => {
  const { isolated, threads, worst } = await tried(HEADERS, async (_, page) => {
    await page.evaluate(() => Reflect.deleteProperty(globalThis, "SharedArrayBuffer"));
  });
  assert.deepEqual([isolated, threads], [true, 1]);
  assert.ok(worst < 1e-4, String(worst));
});

for (const [how, instead, patience] of [
  ["are refused", 'new (class { constructor() { throw new Error("no threads here") } })(new URL(import.meta.url)', 20_000],
  ["cannot be fetched", 'new Worker(new URL("nowhere.mjs", import.meta.url)', 1500],
  ["never answer", "new (class extends EventTarget { postMessage() {} terminate() {} })(new URL(import.meta.url)", 1500],
] as const) {
  test(`where threads ${how} there is one`, options, async () => {
    const { isolated, threads, worst } = await tried(
      HEADERS,
      async (site) => {
        const glue = readdirSync(join(folder, "assets")).find((name) => name.endsWith(".mjs"));
        site.falsified = { [`assets/${glue}`]: GLUE.replace(THREAD, instead) };
      },
      patience,
    );
    assert.deepEqual([isolated, threads], [true, 1]);
    assert.ok(worst < 1e-4, String(worst));
  });
}
