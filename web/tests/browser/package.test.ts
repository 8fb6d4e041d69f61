/** The npm package, as somebody else meets it: packed, installed into a blank Vite app, and run in a real browser. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { build, createServer, type InlineConfig } from "vite";
import { parseGolden } from "../../src/sdk/golden.ts";
import { parseManifest } from "../../src/sdk/manifest.ts";
import { launch, noBrowser, open } from "../support/browser.ts";
import { bytesOf, HEADERS, MODEL, WEB } from "../support/paths.ts";
import { serve } from "../support/server.ts";

const MAIN = `import { clipOf, SentioModel, type Emotion } from "sentio-web";

declare global {
  interface Window {
    answers: Promise<{ threads: number; worst: number[]; words: string }>;
  }
}

async function run() {
  const model = await SentioModel.open(new URL("sentio", document.baseURI));
  const worst: number[] = [];
  let last: Emotion | undefined;
  for (const vector of await model.golden()) {
    last = await model.predict(clipOf(vector, model.spec.audio), model.spec.audio.sampleRate);
    worst.push(Math.abs(last.valence - vector.output[0]), Math.abs(last.arousal - vector.output[1]));
  }
  return { threads: model.threads, worst, words: last?.quadrant ?? "" };
}

window.answers = run();
`;

const APP: Readonly<Record<string, string>> = {
  "package.json": '{ "name": "blank", "private": true, "type": "module" }\n',
  "index.html": '<!doctype html>\n<html lang="en"><head><meta charset="utf-8" /><title>Blank</title></head><body><script type="module" src="/src/main.ts"></script></body></html>\n',
  "src/main.ts": MAIN,
};

/** What the package's README tells users of Vite to write. */
const settings = (root: string): InlineConfig => ({
  configFile: false,
  root,
  base: "./",
  logLevel: "error",
  worker: { format: "es" },
  optimizeDeps: { exclude: ["sentio-web"] },
});

const audio = parseManifest(new TextDecoder().decode(bytesOf(join(MODEL, "manifest.json")))).spec.audio;
const count = parseGolden(bytesOf(join(MODEL, "golden.safetensors")), audio).length;

let app = "";
let browser: Browser;

before(async () => {
  if (noBrowser) return;
  app = mkdtempSync(join(tmpdir(), "sentio-blank-"));
  for (const [path, text] of Object.entries(APP)) {
    mkdirSync(join(app, path, ".."), { recursive: true });
    writeFileSync(join(app, path), text);
  }
  cpSync(MODEL, join(app, "public/sentio"), { recursive: true });
  const npm = (folder: string, ...command: string[]) => execFileSync("npm", command, { cwd: folder, encoding: "utf8", stdio: "pipe" });
  npm(join(WEB, "npm"), "pack", "--pack-destination", app);
  // Nothing but the package itself is needed, so that no registry is asked.
  npm(app, "install", "--offline", "--no-audit", "--no-fund", join(app, "sentio-web-0.1.0.tgz"));
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (app) rmSync(app, { recursive: true });
});

async function golden(page: Page): Promise<number> {
  const found = await page.evaluate(() => (window as unknown as { answers: Promise<{ threads: number; worst: number[]; words: string }> }).answers);
  assert.equal(found.worst.length, 2 * count);
  assert.ok(Math.max(...found.worst) < 1e-4, String(found.worst));
  assert.match(found.words, /(calm|energetic)$/);
  console.log(`    worst difference ${Math.max(...found.worst).toExponential(1)} over ${count} sounds, ${found.threads} threads`);
  return found.threads;
}

const options = { skip: noBrowser };

test("its types hold in a strict program, by both ways in which TypeScript finds packages", options, () => {
  for (const [module, resolution] of [
    ["ESNext", "Bundler"],
    ["NodeNext", "NodeNext"],
  ] as const) {
    const config = {
      compilerOptions: { target: "ES2022", module, moduleResolution: resolution, strict: true, noEmit: true, types: [], lib: ["ES2022", "DOM"] },
      include: ["src"],
    };
    writeFileSync(join(app, "tsconfig.json"), JSON.stringify(config));
    try {
      execFileSync(join(WEB, "node_modules/.bin/tsc"), ["-p", app], { encoding: "utf8", stdio: "pipe" });
    } catch (error) {
      assert.fail((error as { stdout: string }).stdout);
    }
  }
});

test("a blank app that is built with it answers the golden sounds, under the strict policy", options, async () => {
  await build({ ...settings(app), build: { target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 700 } });
  const site = await serve(join(app, "dist"), HEADERS);
  site.falsified = { "favicon.ico": "" };
  const { page, context, complaints } = await open(browser, site.url);
  await golden(page);
  assert.ok(site.asked.some((path) => /^assets\/inference\.worker-.*\.js$/.test(path)), "the worker is the app's own");
  assert.deepEqual(complaints, []);
  await context.close();
  await site.close();
});

test("so does its development server, without the headers that threads need", options, async () => {
  const server = await createServer({ ...settings(app), server: { host: "127.0.0.1", port: 0, hmr: false, ws: false } });
  await server.listen();
  try {
    const { page, context } = await open(browser, server.resolvedUrls!.local[0]!);
    assert.equal(await golden(page), 1);
    await context.close();
  } finally {
    await server.close();
  }
});
