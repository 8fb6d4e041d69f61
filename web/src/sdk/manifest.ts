/**
 * What a model folder says of itself: `manifest.json`, read with suspicion.
 *
 * Only what a browser needs is read; fields that are not named here may come and go.
 */

import { Damaged, NewerSchema, NoArtifact } from "./errors.ts";

/** The schema of manifests that this SDK reads. */
export const SCHEMA = 3;

/** Name of the manifest in a model folder. */
export const MANIFEST = "manifest.json";

/** Name of the golden vectors in a model folder. */
export const GOLDEN = "golden.safetensors";

/** What the model hears. */
export interface AudioSpec {
  /** Samples a second, in Hz. */
  readonly sampleRate: number;
  /** Length of a clip, in seconds. */
  readonly seconds: number;
  /** Samples from one frame of the model's spectrogram to the next; windows start at multiples of it. */
  readonly hopLength: number;
  /** What follows sound that is shorter than a clip: silence, or the same sound again. */
  readonly shortClip: "silence" | "loop";
  /** Samples in a clip. */
  readonly samples: number;
  /** Samples of a Fourier transform. */
  readonly nFft: number;
  /** Bands of the log-mel. */
  readonly nMels: number;
  /** Where the lowest band begins, in Hz. */
  readonly fMin: number;
  /** Where the highest band ends, in Hz. */
  readonly fMax: number;
  /** Levels below this are raised to it, in dB relative to the clip's maximum; negative. */
  readonly floorDb: number;
  /** `db80`: from the floor to the maximum is from 0 to 1; `zscore`: mean 0 and standard deviation 1 in each clip. */
  readonly normalization: "db80" | "zscore";
  /** Height and width of the image, in pixels. */
  readonly imageSize: readonly [number, number];
}

/** How far the model may be off, as it was measured. */
export interface Uncertainty {
  /** How probable it is that a new song's value lies within `halfWidth` of the answer, from 0 to 1. */
  readonly coverage: number;
  /** Of valence and of arousal. */
  readonly halfWidth: readonly [number, number];
  /** How many songs it was measured on. */
  readonly songs: number;
}

/** Everything that a caller needs to feed the model and to read its answer. */
export interface ModelSpec {
  readonly audio: AudioSpec;
  /** What is subtracted from each of the image's channels, and what it is divided by then. */
  readonly imageMean: readonly [number, number, number];
  readonly imageSd: readonly [number, number, number];
  /** Name of the model's one output, float32 [1, 2]: valence, arousal. */
  readonly outputName: string;
  /** `null` where it was not measured. */
  readonly uncertainty: Uncertainty | null;
  /** A song's answer is that of its first clip (`null`), or the mean over its clips one after another. */
  readonly pooling: "mean" | null;
}

/** One exported model of the folder. */
export interface Artifact {
  readonly format: string;
  readonly precision: string;
  readonly form: string;
  /** Where it lies, relative to the folder. */
  readonly path: string;
  /** By how much it may differ from PyTorch on the golden vectors; `null` where the manifest does not say. */
  readonly tolerance: number | null;
}

/** A hashed file of the folder. */
export interface FileEntry {
  /** SHA-256, 64 hexadecimal digits. */
  readonly sha256: string;
  readonly bytes: number;
}

/** A manifest that makes sense. */
export interface Manifest {
  readonly name: string;
  readonly release: string;
  readonly licence: string;
  readonly spec: ModelSpec;
  readonly artifacts: readonly Artifact[];
  readonly files: ReadonlyMap<string, FileEntry>;
  /** Whether the labels that the model learned from were made up by a program. */
  readonly generatedLabels: boolean;
  /** Whether nobody labelled the music that the model learned from, so that it follows another model. */
  readonly withoutLabels: boolean;
}

/**
 * Read a manifest.
 *
 * @throws NewerSchema it was written for a newer SDK.
 * @throws Damaged it is not JSON, or a field is missing or makes no sense.
 */
export function parseManifest(text: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged("is not JSON");
  }
  const root = table(value, "the manifest");
  const schema = root["schema"];
  if (typeof schema === "number" && schema > SCHEMA) {
    throw new NewerSchema(`${MANIFEST}: has schema ${schema}, this app reads ${SCHEMA}; update the app`);
  }
  if (schema !== SCHEMA) throw damaged(`has schema ${JSON.stringify(schema)}, not ${SCHEMA}`);
  const files = new Map(Object.entries(table(root["files"], "files")).map(([path, entry]) => [inside(path), file(entry, path)]));
  const artifacts = list(root["artifacts"], "artifacts").map(artifact);
  const orphan = artifacts.find(({ path }) => filesOf(path, files).length === 0);
  if (orphan) throw damaged(`has no hash for ${JSON.stringify(orphan.path)}`);
  return {
    name: string(root["name"], "name"),
    release: string(root["release"], "release"),
    licence: string(root["licence"], "licence"),
    spec: modelSpec(table(root["spec"], "spec")),
    artifacts,
    files,
    generatedLabels: labelsOf(root["provenance"]) === "generated",
    withoutLabels: labelsOf(root["provenance"]) === "none",
  };
}

/**
 * The first artifact, in the manifest's order, that ONNX Runtime runs in a browser: of the form `waveform`, which is fed
 * sound, or `spectrogram`, which is fed an image that the SDK makes.
 *
 * @throws NoArtifact there is none.
 */
export function chooseArtifact(manifest: Manifest): Artifact {
  // Of int8-full, inputs and outputs are integers: for processors that have nothing else.
  const { nFft } = manifest.spec.audio;
  const forms = Number.isInteger(Math.log2(nFft)) && nFft >= 4 ? ["waveform", "spectrogram"] : ["waveform"];
  const found = manifest.artifacts.find((a) => a.format === "onnx" && forms.includes(a.form) && a.precision !== "int8-full");
  if (found) return found;
  const have = manifest.artifacts.map((a) => `${a.format} ${a.form} ${a.precision}`).join(", ") || "nothing";
  throw new NoArtifact(`${MANIFEST}: has ${have}; a browser needs an onnx artifact of the form ${forms.join(" or ")}, package the bundle for the web`);
}

/** Those of the hashed files that make up the artifact at `path`: itself, or what lies in that folder. */
export function filesOf(path: string, files: ReadonlyMap<string, FileEntry>): string[] {
  return [...files.keys()].filter((name) => name === path || name.startsWith(`${path}/`));
}

function modelSpec(spec: Record<string, unknown>): ModelSpec {
  const audio = table(spec["audio"], "spec.audio");
  const outputs = list(spec["outputs"], "spec.outputs");
  if (outputs.join() !== "valence,arousal") throw damaged(`spec.outputs is ${JSON.stringify(outputs)}, not valence and arousal`);
  const sampleRate = positive(audio["sample_rate"], "spec.audio.sample_rate");
  const seconds = positive(audio["seconds"], "spec.audio.seconds");
  const samples = Math.round(sampleRate * seconds);
  const nFft = whole(audio["n_fft"], "spec.audio.n_fft");
  if (samples <= nFft / 2) throw damaged(`spec.audio.n_fft is ${nFft}, more than twice the samples of a clip`);
  return {
    audio: {
      sampleRate,
      seconds,
      hopLength: whole(audio["hop_length"], "spec.audio.hop_length"),
      shortClip: one(audio["short_clip"], ["silence", "loop"] as const, "spec.audio.short_clip"),
      samples,
      nFft,
      nMels: whole(audio["n_mels"], "spec.audio.n_mels"),
      fMin: number(audio["f_min"], "spec.audio.f_min"),
      fMax: positive(audio["f_max"], "spec.audio.f_max"),
      floorDb: -positive(-number(audio["floor_db"], "spec.audio.floor_db"), "spec.audio.floor_db"),
      normalization: one(audio["normalization"], ["db80", "zscore"] as const, "spec.audio.normalization"),
      imageSize: several(audio["image_size"], 2, whole, "spec.audio.image_size") as [number, number],
    },
    imageMean: several(spec["image_mean"], 3, number, "spec.image_mean") as [number, number, number],
    imageSd: several(spec["image_sd"], 3, positive, "spec.image_sd") as [number, number, number],
    outputName: string(spec["output_name"], "spec.output_name"),
    uncertainty: spec["uncertainty"] === null ? null : uncertainty(table(spec["uncertainty"], "spec.uncertainty")),
    pooling: spec["pooling"] === null ? null : one(spec["pooling"], ["mean"] as const, "spec.pooling"),
  };
}

function uncertainty(value: Record<string, unknown>): Uncertainty {
  const [valence, arousal, ...more] = list(value["half_width"], "spec.uncertainty.half_width");
  if (more.length) throw damaged("spec.uncertainty.half_width has more than two numbers");
  return {
    coverage: positive(value["coverage"], "spec.uncertainty.coverage"),
    halfWidth: [positive(valence, "spec.uncertainty.half_width"), positive(arousal, "spec.uncertainty.half_width")],
    songs: positive(value["songs"], "spec.uncertainty.songs"),
  };
}

function artifact(value: unknown): Artifact {
  const entry = table(value, "artifacts");
  const parity = entry["parity"];
  const tolerance = typeof parity === "object" && parity !== null ? (parity as Record<string, unknown>)["tolerance"] : null;
  return {
    format: string(entry["format"], "artifacts.format"),
    precision: string(entry["precision"], "artifacts.precision"),
    form: string(entry["form"], "artifacts.form"),
    path: inside(string(entry["path"], "artifacts.path")),
    tolerance: typeof tolerance === "number" ? tolerance : null,
  };
}

function file(value: unknown, path: string): FileEntry {
  const entry = table(value, `files.${path}`);
  const sha256 = string(entry["sha256"], `files.${path}.sha256`);
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw damaged(`files.${path}.sha256 is no SHA-256`);
  return { sha256, bytes: number(entry["bytes"], `files.${path}.bytes`) };
}

function labelsOf(provenance: unknown): unknown {
  return (provenance as { data?: { labels?: unknown } | null } | null | undefined)?.data?.labels;
}

/** A path that stays in the folder, whatever it is joined to. */
function inside(path: string): string {
  const parts = path.split("/");
  if (/[\\:?#%]/.test(path) || parts.some((part) => part === "" || part === "." || part === "..")) {
    throw damaged(`names ${JSON.stringify(path)}, no path in the model folder`);
  }
  return path;
}

function table(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw damaged(`${name} is no table`);
  return value as Record<string, unknown>;
}

function list(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw damaged(`${name} is no list`);
  return value;
}

function string(value: unknown, name: string): string {
  if (typeof value !== "string") throw damaged(`${name} is no text`);
  return value;
}

function number(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw damaged(`${name} is no number`);
  return value;
}

function positive(value: unknown, name: string): number {
  const found = number(value, name);
  if (found <= 0) throw damaged(`${name} is ${found}, not above 0`);
  return found;
}

function whole(value: unknown, name: string): number {
  const found = positive(value, name);
  if (!Number.isInteger(found)) throw damaged(`${name} is ${found}, no whole number`);
  return found;
}

function several(value: unknown, count: number, read: (value: unknown, name: string) => number, name: string): number[] {
  const found = list(value, name);
  if (found.length !== count) throw damaged(`${name} has ${found.length} numbers, not ${count}`);
  return found.map((entry) => read(entry, name));
}

function one<T extends string>(value: unknown, known: readonly T[], name: string): T {
  const found = known.find((word) => word === value);
  if (found === undefined) throw damaged(`${name} is ${JSON.stringify(value)}, not ${known.join(" or ")}`);
  return found;
}

function damaged(why: string): Damaged {
  return new Damaged(`${MANIFEST}: ${why}; package the bundle again`);
}
