/** Stand-ins for what a browser would give: a model, and sound that goes on. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelFolder } from "../../src/sdk/folder.ts";
import type { Answer, Inference } from "../../src/sdk/inference.ts";
import type { LiveListener, LiveSource } from "../../src/sdk/live.ts";
import { chooseArtifact, parseManifest, type ModelSpec } from "../../src/sdk/manifest.ts";
import { SentioModel } from "../../src/sdk/model.ts";
import { bytesOf, MODEL } from "./paths.ts";

// Node 20 has no navigator, which every browser has.
if (!("navigator" in globalThis)) Object.assign(globalThis, { navigator: { userAgent: "node", hardwareConcurrency: 1 } });

/** A model whose answers are the first sample of the clip, and its mean; it notes what it is asked, and answers late. */
export class FakeInference implements Inference {
  readonly threads = 1;
  readonly loadMs = 1;
  readonly asked: number[] = [];
  busy = 0;
  mostBusy = 0;
  closed = false;
  /** What it waits for before it answers. */
  wait: () => Promise<void> = () => Promise.resolve();
  answer: (clip: Float32Array) => number[] = (clip) => [clip[0]!, clip.reduce((sum, sample) => sum + sample, 0) / clip.length];

  async run(clip: Float32Array<ArrayBuffer>): Promise<Answer> {
    this.asked.push(clip[0]!);
    this.mostBusy = Math.max(this.mostBusy, ++this.busy);
    await this.wait();
    this.busy--;
    return { output: this.answer(clip), milliseconds: 5 };
  }

  close(): void {
    this.closed = true;
  }
}

/** The repository's model folder around a fake model, with a spec that tests may change. */
export function fakeModel(inference: Inference, spec: Partial<ModelSpec> = {}): SentioModel {
  const manifest = parseManifest(readFileSync(join(MODEL, "manifest.json"), "utf8"));
  const folder: ModelFolder = { read: async (path) => bytesOf(join(MODEL, path)) };
  const changed = { ...manifest, spec: { ...manifest.spec, ...spec } };
  return new SentioModel(folder, { manifest: changed, artifact: chooseArtifact(manifest) }, inference);
}

/** Sound that a test lets go on. */
export class FakeSource implements LiveSource {
  readonly rate: number;
  listener: LiveListener | null = null;
  stops = 0;

  constructor(rate: number) {
    this.rate = rate;
  }

  async start(listener: LiveListener): Promise<number> {
    this.listener = listener;
    return this.rate;
  }

  stop(): void {
    this.stops++;
  }

  /** Let so many seconds of a value be heard, in blocks of a tenth of a second. */
  hear(seconds: number, value: number): void {
    const block = new Float32Array(this.rate / 10).fill(value);
    for (let i = 0; i < Math.round(seconds * 10); i++) this.listener?.heard(block);
  }
}

/** Let everything that waits for nothing else happen. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
