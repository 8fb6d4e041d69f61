/** The SDK by itself in a real browser, without the page: parity on the repository's vectors, and its errors' types. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { parseGolden, soundOf } from "../../src/sdk/golden.ts";
import { parseManifest } from "../../src/sdk/manifest.ts";
import { launch, noBrowser, open } from "../support/browser.ts";
import { buildHarness, type Harness } from "../support/harness.ts";
import { bytesOf, GOLDEN, HEADERS, MODEL, noGolden } from "../support/paths.ts";
import { serve, type Site } from "../support/server.ts";

declare const window: Harness;

const { spec } = parseManifest(new TextDecoder().decode(bytesOf(join(MODEL, "manifest.json"))));

let browser: Browser;
let site: Site;
let page: Page;

before(async () => {
  if (noBrowser) return;
  [browser, site] = await Promise.all([launch(), serve(await buildHarness("harness"), HEADERS)]);
  ({ page } = await open(browser, site.url));
});
after(async () => {
  await browser?.close();
  await site?.close();
});

test(
  "the repository's golden sounds get PyTorch's answers, with one thread and with two",
  { skip: noBrowser || noGolden },
  async () => {
    const vectors = parseGolden(bytesOf(GOLDEN), spec.audio).map((vector) => ({
      length: vector.length,
      excerpt: [...vector.excerpt],
      output: vector.output,
    }));
    const off = await page.evaluate(async (given) => {
      const worst: number[] = [];
      for (const threads of [1, 2]) {
        const model = await window.sdk.SentioModel.open("sentio", { threads });
        if (model.threads !== threads) throw new Error(`${model.threads} threads`);
        for (const vector of given) {
          const pcm = window.sdk.soundOf({ ...vector, excerpt: Int16Array.from(vector.excerpt) });
          const { valence, arousal } = await model.predict(pcm, model.spec.audio.sampleRate);
          worst.push(Math.abs(valence - vector.output[0]), Math.abs(arousal - vector.output[1]));
        }
        model.close();
      }
      return worst;
    }, vectors);
    console.log(`    worst difference ${Math.max(...off).toExponential(1)} over ${vectors.length} sounds`);
    assert.equal(off.length, vectors.length * 4);
    assert.ok(Math.max(...off) < 1e-4, String(Math.max(...off)));
  },
);

test("PCM of another rate gets the answer of the same sound", { skip: noBrowser }, async () => {
  const [vector] = parseGolden(bytesOf(join(MODEL, "golden.safetensors")), spec.audio);
  const excerpt = [...soundOf({ ...vector!, length: vector!.excerpt.length })];
  const [wanted, got] = await page.evaluate(async (sound) => {
    const model = await window.sdk.SentioModel.open("sentio");
    const pcm = Float32Array.from(sound);
    const at48 = new OfflineAudioContext(1, (pcm.length * 48_000) / 22_050, 48_000);
    const buffer = at48.createBuffer(1, pcm.length, 22_050);
    buffer.copyToChannel(pcm, 0);
    const node = new AudioBufferSourceNode(at48, { buffer });
    node.connect(at48.destination);
    node.start();
    const faster = (await at48.startRendering()).getChannelData(0);
    const answers = [await model.predict(pcm, 22_050), await model.predict(faster, 48_000)];
    model.close();
    return answers.map(({ valence, arousal }) => [valence, arousal] as [number, number]);
  }, excerpt);
  assert.ok(
    wanted && got && Math.max(...wanted.map((value, i) => Math.abs(value - got[i]!))) < 0.05,
    JSON.stringify([wanted, got]),
  );
});

test("errors have their types, and a closed model says so", { skip: noBrowser }, async () => {
  const names = await page.evaluate(async () => {
    const { SentioModel, SentioError, httpFolder } = window.sdk;
    const said = async (task: () => Promise<unknown>) => {
      try {
        await task();
        return "nothing";
      } catch (error) {
        return `${error instanceof SentioError} ${(error as Error).name}`;
      }
    };
    const own = httpFolder(new URL("sentio", document.baseURI));
    const text = new TextDecoder().decode(await own.read("manifest.json"));
    const folder = (manifest: string, model?: BlobPart) => ({
      read: async (path: string) =>
        path === "manifest.json" ? new Blob([manifest]).arrayBuffer() : model ? new Blob([model]).arrayBuffer() : own.read(path),
    });
    const model = await SentioModel.open("sentio");
    model.close();
    return [
      await said(() => SentioModel.open("nowhere")),
      await said(() => SentioModel.open(folder("{"))),
      await said(() => SentioModel.open(folder(text.replace('"schema": 3', '"schema": 9')))),
      await said(() => SentioModel.open(folder(text.replace('"format": "onnx"', '"format": "tflite"')))),
      await said(() => SentioModel.open(folder(text, "another model"))),
      await said(() => SentioModel.open("sentio", { signal: AbortSignal.abort() })),
      await said(() => model.predict(new Float32Array(100), 22_050)),
      await said(() => model.predict(new File(["no sound"], "words.txt"))),
    ];
  });
  assert.deepEqual(names, [
    "true MissingFile",
    "true Damaged",
    "true NewerSchema",
    "true NoArtifact",
    "true Tampered",
    "false AbortError",
    "true BrowserError",
    "true AudioError",
  ]);
});

test("of a long file, a first answer decodes the beginning only", { skip: noBrowser }, async () => {
  const seconds = await page.evaluate(async () => {
    const model = await window.sdk.SentioModel.open("sentio");
    const bytes = new ArrayBuffer(44 + 25 * 60 * 44_100 * 4);
    const view = new DataView(bytes);
    const words = [0x52494646, 0x57415645, 0x666d7420, 0x64617461];
    [0, 8, 12, 36].forEach((at, i) => view.setUint32(at, words[i]!));
    view.setUint32(4, bytes.byteLength - 8, true);
    view.setUint32(16, 16, true);
    view.setUint16(20, 1, true);
    view.setUint16(22, 2, true);
    view.setUint32(24, 44_100, true);
    view.setUint32(28, 176_400, true);
    view.setUint16(32, 4, true);
    view.setUint16(34, 16, true);
    view.setUint32(40, bytes.byteLength - 44, true);
    const file = new File([bytes], "long.wav");
    const decoded: number[] = [];
    const decode = OfflineAudioContext.prototype.decodeAudioData;
    OfflineAudioContext.prototype.decodeAudioData = async function (data) {
      const buffer = await decode.call(this, data);
      decoded.push(buffer.duration);
      return buffer;
    };
    const { end } = await model.predict(file);
    const whole = await model.decode(file).catch((error: Error) => `${error.name} ${error.message}`);
    model.close();
    return { end, decoded, whole };
  });
  assert.equal(seconds.end, 30);
  assert.ok(seconds.decoded.length === 1 && seconds.decoded[0]! < 60, String(seconds.decoded));
  assert.equal(
    seconds.whole,
    "AudioError long.wav: has 25 minutes, too much to decode in a browser; cut it into parts of 20 minutes or less",
  );
});

test("signed folders are judged by the browser's own Ed25519", { skip: noBrowser || noGolden }, async () => {
  const golden = JSON.parse(readFileSync(join(GOLDEN, "../signatures.json"), "utf8"));
  const held = await page.evaluate(async ({ manifests, cases }) => {
    const found: boolean[] = [];
    for (const one of cases) {
      const files: Record<string, string> = { "manifest.json": manifests[one.manifest], "manifest.sig.json": one.sheet ?? "" };
      const read = async (path: string) => new TextEncoder().encode(files[path]).buffer;
      const opened = async () => window.sdk.signedFolder({ read }, one.public_key).read("manifest.json");
      found.push(await opened().then(() => true, (error) => !(error instanceof window.sdk.SentioError)));
    }
    return found;
  }, golden);
  assert.deepEqual(held, golden.cases.map((one: { verdict: string }) => one.verdict === "holds"));
  assert.ok(held.includes(true));
});
