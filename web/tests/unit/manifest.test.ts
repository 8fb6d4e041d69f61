import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Damaged, MissingFile, NewerSchema, NoArtifact, SentioError, Tampered } from "../../src/sdk/errors.ts";
import { openBundle, readChecked } from "../../src/sdk/bundle.ts";
import { httpFolder, type ModelFolder } from "../../src/sdk/folder.ts";
import { chooseArtifact, parseManifest } from "../../src/sdk/manifest.ts";
import { bytesOf, MODEL } from "../support/paths.ts";

const TEXT = readFileSync(join(MODEL, "manifest.json"), "utf8");

// Any: tests break manifests in ways that types forbid.
function changed(change: (manifest: any) => void): string {
  const manifest = JSON.parse(TEXT);
  change(manifest);
  return JSON.stringify(manifest);
}

/** The model folder, with other contents for some of its files; `null` takes one away. */
function folder(others: Record<string, string | ArrayBuffer | null> = {}): ModelFolder & { read_: string[] } {
  const read_: string[] = [];
  return {
    read_,
    async read(path) {
      read_.push(path);
      const other = others[path];
      if (other === null) throw new MissingFile(`${path}: is missing`);
      if (other === undefined) return bytesOf(join(MODEL, path));
      return typeof other === "string" ? new TextEncoder().encode(other).buffer : other;
    },
  };
}

test("the manifest is read as Python writes it", () => {
  const manifest = parseManifest(TEXT);
  const written = JSON.parse(TEXT);
  const { sample_rate, seconds, hop_length, short_clip } = written.spec.audio;
  const audio = {
    sampleRate: sample_rate,
    seconds,
    hopLength: hop_length,
    shortClip: short_clip,
    samples: sample_rate * seconds,
    nFft: written.spec.audio.n_fft,
    nMels: written.spec.audio.n_mels,
    fMin: written.spec.audio.f_min,
    fMax: written.spec.audio.f_max,
    floorDb: written.spec.audio.floor_db,
    normalization: written.spec.audio.normalization,
    imageSize: written.spec.audio.image_size,
  };
  assert.deepEqual(manifest.spec.audio, audio);
  assert.deepEqual([manifest.spec.imageMean, manifest.spec.imageSd], [written.spec.image_mean, written.spec.image_sd]);
  assert.equal(manifest.spec.outputName, written.spec.output_name);
  assert.equal(manifest.generatedLabels, written.provenance.data.labels === "generated");
  assert.deepEqual([...manifest.files.keys()], Object.keys(written.files));
  assert.equal(chooseArtifact(manifest).form, "waveform");
});

test("music without labels is told from generated music", () => {
  const none = parseManifest(changed((m) => void (m.provenance.data = { ...m.provenance.data, labels: "none" })));
  assert.deepEqual([none.generatedLabels, none.withoutLabels], [false, true]);
  assert.equal(parseManifest(changed((m) => void (m.provenance.data = null))).withoutLabels, false);
});

test("uncertainty and pooling are read", () => {
  const { spec } = parseManifest(
    changed((m) => {
      m.spec.uncertainty = { coverage: 0.8, half_width: [0.2, 0.3], songs: 90 };
      m.spec.pooling = "mean";
    }),
  );
  assert.deepEqual(spec.uncertainty, { coverage: 0.8, halfWidth: [0.2, 0.3], songs: 90 });
  assert.equal(spec.pooling, "mean");
});

test("a newer schema is told apart from a damaged one", () => {
  assert.throws(
    () => parseManifest(changed((m) => (m.schema = 4))),
    (error) => error instanceof NewerSchema && /schema 4.*update the app/.test(error.message),
  );
  assert.throws(() => parseManifest(changed((m) => (m.schema = 2))), Damaged);
  assert.throws(() => parseManifest(changed((m) => delete m.schema)), Damaged);
});

test("a manifest that makes no sense is damaged, whatever is wrong with it", () => {
  const faults: ((m: any) => void)[] = [
    (m) => delete m.spec,
    (m) => delete m.files,
    (m) => delete m.spec.pooling,
    (m) => delete m.spec.uncertainty,
    (m) => (m.spec.pooling = "median"),
    (m) => (m.spec.outputs = ["arousal", "valence"]),
    (m) => (m.spec.audio.sample_rate = "22050"),
    (m) => (m.spec.audio.seconds = 0),
    (m) => (m.spec.audio.short_clip = "stretch"),
    (m) => (m.spec.uncertainty = { coverage: 0.8, half_width: [0.2], songs: 90 }),
    (m) => (m.spec.uncertainty = { coverage: 0.8, half_width: [0.2, 0.3, 0.4], songs: 90 }),
    (m) => (m.artifacts = {}),
    (m) => (m.artifacts[0].path = "another.onnx"),
    (m) => (m.files["MODEL_CARD.md"].sha256 = "abc"),
    (m) => (m.files["MODEL_CARD.md"].bytes = null),
  ];
  for (const fault of faults) assert.throws(() => parseManifest(changed(fault)), Damaged, fault.toString());
  for (const text of ["", "{", "[]", "null", "7", "<!doctype html>"]) assert.throws(() => parseManifest(text), Damaged, text);
});

test("no path leads out of the model folder", () => {
  for (const path of ["../app.js", "/etc/passwd", "a/../../b", "https://host/model", "a//b", "a\\b", "", "a?b", "a%2e%2e/b"]) {
    const text = changed((m) => (m.files[path] = m.files["MODEL_CARD.md"]));
    assert.throws(() => parseManifest(text), Damaged, path);
  }
});

test("the first artifact that a browser runs is chosen", () => {
  const add = (...formats: [string, string, string][]) =>
    parseManifest(
      changed((m) => {
        const [own] = m.artifacts;
        m.artifacts = formats.map(([format, form, precision]) => {
          const path = `${format}-${form}-${precision}`;
          m.files[path] = m.files[own.path];
          return { ...own, format, form, precision, path };
        });
      }),
    );
  const manifest = add(
    ["tflite", "waveform", "fp32"],
    ["onnx", "waveform", "int8-full"],
    ["onnx", "waveform", "int8"],
    ["onnx", "spectrogram", "fp32"],
    ["onnx", "waveform", "fp32"],
  );
  assert.equal(chooseArtifact(manifest).path, "onnx-waveform-int8");
  const phones = add(["tflite", "waveform", "fp32"], ["onnx", "spectrogram", "fp16"]);
  assert.equal(chooseArtifact(phones).path, "onnx-spectrogram-fp16");
  // The SDK transforms powers of two only; a waveform artifact has its own front end.
  const audio = { ...phones.spec.audio, nFft: 2000 };
  assert.throws(
    () => chooseArtifact({ ...phones, spec: { ...phones.spec, audio } }),
    (error) => error instanceof NoArtifact && error.message.includes("tflite waveform fp32, onnx spectrogram fp16"),
  );
  assert.throws(() => chooseArtifact(add()), NoArtifact);
});

test("a folder is opened, and only what is needed is read", async () => {
  const source = folder();
  const bundle = await openBundle(source);
  assert.deepEqual(source.read_, ["manifest.json", bundle.artifact.path]);
  assert.equal(bundle.model.byteLength, bundle.manifest.files.get(bundle.artifact.path)?.bytes);
});

test("a model that was changed in one bit is refused", async () => {
  const { artifact } = await openBundle(folder());
  const bytes = bytesOf(join(MODEL, artifact.path));
  const view = new Uint8Array(bytes);
  view[view.length >> 1]! ^= 1;
  await assert.rejects(
    openBundle(folder({ [artifact.path]: bytes })),
    (error) => error instanceof Tampered && error instanceof SentioError && error.name === "Tampered",
  );
});

test("a missing model, and missing golden vectors, are told", async () => {
  const { artifact, manifest } = await openBundle(folder());
  await assert.rejects(openBundle(folder({ [artifact.path]: null })), MissingFile);
  await assert.rejects(openBundle(folder({ "manifest.json": null })), MissingFile);
  await assert.rejects(readChecked(folder(), { ...manifest, files: new Map() }, "golden.safetensors"), MissingFile);
});

test("a server that answers with its page has no such file", async (t) => {
  const answers = [
    new Response("<!doctype html>", { headers: { "content-type": "text/html; charset=utf-8" } }),
    new Response("no", { status: 404 }),
    new Response("yes", { headers: { "content-type": "application/json" } }),
  ];
  const asked: string[] = [];
  t.mock.method(globalThis, "fetch", async (url: string) => {
    asked.push(url);
    return answers.shift();
  });
  const source = httpFolder("https://host/sentio/");
  await assert.rejects(
    source.read("manifest.json"),
    (error) => error instanceof MissingFile && error.message.includes("a page came instead"),
  );
  await assert.rejects(source.read("manifest.json"), (error) => error instanceof MissingFile && error.message.includes("404"));
  const told: number[] = [];
  const bytes = await source.read("a/model", { sha256: "12", progress: (loaded) => told.push(loaded) });
  assert.equal(new TextDecoder().decode(bytes), "yes");
  assert.deepEqual(told, [3]);
  assert.equal(asked.at(-1), "https://host/sentio/a/model?sha256=12");
});

test("no network is a missing file, and giving up is not", async (t) => {
  t.mock.method(globalThis, "fetch", async (_: string, { signal }: RequestInit) => {
    signal?.throwIfAborted();
    throw new TypeError("Failed to fetch");
  });
  await assert.rejects(
    httpFolder("https://host").read("manifest.json"),
    (error) => error instanceof MissingFile && error.message.includes("check the connection"),
  );
  const signal = AbortSignal.abort();
  await assert.rejects(httpFolder("https://host").read("manifest.json", { signal }), { name: "AbortError" });
});
