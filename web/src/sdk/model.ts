/** A model with what comes before it: files and PCM in, emotions out. */

import { openBundle, readChecked, type Bundle } from "./bundle.ts";
import { quantile, RUNS, toleranceOf, WARM_UP, type DeviceCheck } from "./check.ts";
import { checkEvery, checkPcm, isSilent, windowAt, windowStarts, type Window } from "./clip.ts";
import { decodeFile, type Sound } from "./decode.ts";
import { Emotion, meanOf } from "./emotion.ts";
import { Damaged, InputError } from "./errors.ts";
import { httpFolder, type ModelFolder, type Progress } from "./folder.ts";
import { clipOf, parseGolden, type GoldenVector } from "./golden.ts";
import { startInference, type Answer, type Inference } from "./inference.ts";
import { moments, type LiveSource, type StreamOptions } from "./live.ts";
import type { Place } from "./mel/frames.ts";
import { GOLDEN, type Artifact, type Manifest, type ModelSpec } from "./manifest.ts";
import { resample } from "./resample.ts";

/** Sounds that were analysed so far, by all models; tells them apart. */
let sounds = 0;

/** How to open a model. */
export interface OpenOptions {
  /** Threads for the model, 1 to 4. Default: up to four; one where the page is not cross-origin isolated, or they fail. */
  threads?: number;
  signal?: AbortSignal;
  /** Called while the model's file comes. */
  progress?: Progress;
}

/** How to analyse a sound. */
export interface PredictOptions {
  /** What the sound is called in the answer; a file's own name by default. */
  name?: string;
  /** Gives up: the call rejects with the signal's reason, at the latest when the run of the model that goes on has ended. */
  signal?: AbortSignal;
}

/** How to check a device. */
export interface CheckOptions {
  /** Runs that are timed. Default 50. */
  runs?: number;
  signal?: AbortSignal;
  /** Called after each run with how many of how many are done. */
  progress?: (done: number, of: number) => void;
}

/**
 * A loaded model. Calls may overlap: runs of the model are served one after another, in the order they were asked for.
 */
export class SentioModel {
  /** What the model folder says of itself. */
  readonly manifest: Manifest;
  /** The artifact that runs. */
  readonly artifact: Artifact;
  readonly #folder: ModelFolder;
  readonly #inference: Inference;
  #last: Promise<unknown> = Promise.resolve();

  /** For tests and for other runtimes; apps use `open`. */
  constructor(folder: ModelFolder, bundle: Pick<Bundle, "manifest" | "artifact">, inference: Inference) {
    this.#folder = folder;
    this.manifest = bundle.manifest;
    this.artifact = bundle.artifact;
    this.#inference = inference;
  }

  /**
   * Load the model of a folder; its hash is checked before anything reads it.
   *
   * @param folder its URL, or something else that hands out its files.
   * @throws NewerSchema, Tampered, MissingFile, Damaged, NoArtifact, BrowserError as their names say.
   */
  static async open(folder: string | URL | ModelFolder, options: OpenOptions = {}): Promise<SentioModel> {
    const { signal, progress, threads } = options;
    const source = typeof folder === "string" || folder instanceof URL ? httpFolder(folder) : folder;
    const bundle = await openBundle(source, { signal, progress });
    const inference = await startInference(bundle, threads);
    if (signal?.aborted) {
      inference.close();
      throw signal.reason;
    }
    return new SentioModel(source, bundle, inference);
  }

  /** What the model hears, and how far it may be off. */
  get spec(): ModelSpec {
    return this.manifest.spec;
  }

  /** Threads that the model uses. */
  get threads(): number {
    return this.#inference.threads;
  }

  /**
   * The emotion of the first clip (30 s) of a sound; with `spec.pooling`, the mean over all of its clips.
   *
   * @param pcm mono, full scale at -1 and 1; `downmix` makes it of more channels.
   * @param sampleRate Hz, a whole number from 1,000 to 768,000.
   * @throws AudioError the sound is empty, or holds values that are no sound.
   * @throws InputError the rate is none.
   * @throws Damaged the model's answer is not a number.
   */
  predict(pcm: Float32Array, sampleRate: number, options?: PredictOptions): Promise<Emotion>;
  /**
   * The same of an audio file, of which no more is decoded than its kind allows.
   *
   * @throws AudioError the file cannot be decoded, holds no sound, or is too long.
   */
  predict(file: Blob, options?: PredictOptions): Promise<Emotion>;
  async predict(source: Float32Array | Blob, second?: number | PredictOptions, third?: PredictOptions): Promise<Emotion> {
    const { seconds } = this.spec.audio;
    const pooled = this.spec.pooling === "mean";
    const rate = typeof second === "number" ? second : undefined;
    const options = (typeof second === "number" ? third : second) ?? {};
    const sound = await this.#sound(source, rate, options, pooled ? undefined : seconds);
    if (!pooled) return this.#of(windowAt(sound.pcm, this.spec.audio, 0), sound.name, ++sounds, options.signal);
    const answers = [];
    for await (const answer of this.#windows(sound, seconds, options.signal)) answers.push(answer);
    return meanOf(answers);
  }

  /**
   * The emotion of window after window of a sound. Windows are a clip long and lie wholly within the sound, which gives
   * one answer where it is shorter; `windowStarts` tells where they begin.
   *
   * @param every seconds from one window to the next; starts are rounded down to the hop.
   * @throws InputError `every` is not a number, or smaller than the hop.
   * @throws AudioError, Damaged as `predict`.
   */
  trajectory(pcm: Float32Array, sampleRate: number, every: number, options?: PredictOptions): AsyncGenerator<Emotion, void>;
  /** The same of an audio file. */
  trajectory(file: Blob, every: number, options?: PredictOptions): AsyncGenerator<Emotion, void>;
  async *trajectory(
    source: Float32Array | Blob,
    second: number,
    third?: number | PredictOptions,
    fourth?: PredictOptions,
  ): AsyncGenerator<Emotion, void> {
    const [rate, every] = typeof third === "number" ? [second, third] : [undefined, second];
    const options = (typeof third === "number" ? fourth : third) ?? {};
    checkEvery(every, this.spec.audio);
    yield* this.#windows(await this.#sound(source, rate, options, undefined), every, options.signal);
  }

  /**
   * Decode a file as the model hears it: once, for several analyses.
   *
   * @throws AudioError the file cannot be decoded, holds no sound, or is too long.
   */
  decode(file: Blob): Promise<Sound> {
    return decodeFile(file, this.spec.audio);
  }

  /**
   * The emotion of sound that goes on: every second, of the last 30 s that were heard. Before there are so many, sound is
   * filled up as any short clip. When the model is slower than that, answers are left out, never queued.
   *
   * Leaving the loop, or aborting the signal, stops the source.
   *
   * @throws MicrophoneError the microphone was refused, or was lost; answers given before stay given.
   * @throws InputError a time in the options is none.
   */
  async *stream(source: LiveSource, options: StreamOptions & { name?: string } = {}): AsyncGenerator<Emotion, void> {
    const { audio } = this.spec;
    const name = options.name ?? "live";
    // Frames of the spectrogram are the same from window to window where all begin at multiples of the hop.
    const grid = this.artifact.form === "spectrogram" ? audio.hopLength : 1;
    const sound = ++sounds;
    for await (const { pcm, end } of moments(source, audio, options, grid)) {
      checkPcm(pcm, name);
      const { heard, pcm: clip } = windowAt(pcm, audio, 0);
      yield await this.#of({ start: end - heard, heard, pcm: clip }, name, sound, options.signal);
    }
  }

  /**
   * Run the golden vectors of the model folder, then time the model.
   *
   * @throws MissingFile, Tampered, Damaged the golden vectors are not there, or not right.
   */
  async checkDevice(options: CheckOptions = {}): Promise<DeviceCheck> {
    const { runs = RUNS, signal, progress } = options;
    if (!Number.isInteger(runs) || runs < 1) throw new InputError(`${runs} is no count of runs; give 1 or more`);
    const vectors = await this.golden(signal);
    const all = vectors.length + WARM_UP + runs;
    let worst = 0;
    const times: number[] = [];
    for (let i = 0; i < all; i++) {
      const vector = vectors[i % vectors.length] as GoldenVector;
      const { output, milliseconds } = await this.#run(clipOf(vector, this.spec.audio), GOLDEN, signal);
      if (i < vectors.length)
        worst = Math.max(worst, ...output.map((value, k) => Math.abs(value - (vector.output[k] as number))));
      if (i >= vectors.length + WARM_UP) times.push(milliseconds);
      progress?.(i + 1, all);
    }
    const tolerance = toleranceOf(this.artifact);
    const { path, precision } = this.artifact;
    return {
      model: {
        name: this.manifest.name,
        release: this.manifest.release,
        artifact: path,
        precision,
        sha256: this.manifest.files.get(path)?.sha256 ?? "",
      },
      browser: {
        userAgent: navigator.userAgent,
        cores: navigator.hardwareConcurrency,
        crossOriginIsolated: globalThis.crossOriginIsolated,
        threads: this.threads,
      },
      golden: { vectors: vectors.length, worst, tolerance, passed: worst <= tolerance },
      latency: { runs, p50: quantile(times, 0.5), p90: quantile(times, 0.9), p99: quantile(times, 0.99) },
      loadMs: this.#inference.loadMs,
      measured: new Date().toISOString(),
    };
  }

  /**
   * The model folder's golden vectors.
   *
   * @throws MissingFile, Tampered, Damaged they are not there, or not right.
   */
  async golden(signal?: AbortSignal): Promise<GoldenVector[]> {
    const vectors = parseGolden(await readChecked(this.#folder, this.manifest, GOLDEN, { signal }), this.spec.audio);
    if (!vectors.length) throw new Damaged(`${GOLDEN}: holds no vectors; package the bundle again`);
    return vectors;
  }

  /** Stop the model's worker and give its memory back. Calls under way reject with a `BrowserError`. */
  close(): void {
    this.#inference.close();
  }

  /** A file, or PCM of a rate, as the model hears it; all of it where no `seconds` are given. */
  async #sound(source: Float32Array | Blob, rate: number | undefined, options: PredictOptions, seconds?: number): Promise<Sound> {
    const { audio } = this.spec;
    options.signal?.throwIfAborted();
    if (source instanceof Blob) {
      const sound = await decodeFile(source, audio, seconds);
      return { ...sound, name: options.name ?? sound.name };
    }
    if (rate === undefined) throw new InputError("PCM without a sample rate; give the samples a second, in Hz");
    const name = options.name ?? "PCM";
    // A second more than is wanted: the resampler's filter reaches a little beyond what it gives.
    const part = seconds === undefined ? source : source.subarray(0, Math.ceil((seconds + 1) * rate));
    checkPcm(part, name);
    return { pcm: resample(part, rate, audio.sampleRate), sampleRate: audio.sampleRate, name };
  }

  async *#windows(sound: Sound, every: number, signal?: AbortSignal): AsyncGenerator<Emotion, void> {
    const id = ++sounds;
    for (const start of windowStarts(sound.pcm.length, this.spec.audio, every)) {
      yield await this.#of(windowAt(sound.pcm, this.spec.audio, start), sound.name, id, signal);
    }
  }

  async #of(window: Window, song: string, sound: number, signal?: AbortSignal): Promise<Emotion> {
    const { sampleRate } = this.spec.audio;
    // Before the run, which hands the samples over to a worker.
    const silent = isSilent(window.pcm);
    const { start, heard } = window;
    const { output, milliseconds } = await this.#run(window.pcm, song, signal, { sound, start, heard });
    return new Emotion({
      song,
      valence: output[0] as number,
      arousal: output[1] as number,
      start: window.start / sampleRate,
      end: (window.start + window.heard) / sampleRate,
      inferenceMs: milliseconds,
      uncertainty: this.spec.uncertainty,
      silent,
    });
  }

  /** One run, after all those that were asked for before it. */
  async #run(clip: Float32Array<ArrayBuffer>, song: string, signal?: AbortSignal, place?: Place): Promise<Answer> {
    const turn = this.#last.then(() => {
      signal?.throwIfAborted();
      return this.#inference.run(clip, place);
    });
    this.#last = turn.catch(() => {});
    const answer = await turn;
    // Who gave up meanwhile has no use for it any more.
    signal?.throwIfAborted();
    if (!answer.output.every(Number.isFinite)) {
      throw new Damaged(`${this.artifact.path}: its answer for ${song} is not a number; package the bundle again`);
    }
    return answer;
  }
}
