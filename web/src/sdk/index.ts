/**
 * Sentio in the browser: how music feels, told on the device.
 *
 *     const model = await SentioModel.open("sentio");
 *     const emotion = await model.predict(file);
 *     console.log(emotion.words, emotion.valence, emotion.arousal);
 *     for await (const moment of model.trajectory(file, 1)) console.log(moment.time, moment.valence);
 *     for await (const now of model.stream(microphone())) console.log(now.arousal);
 *
 * Valence goes from -1 (unpleasant) to 1 (pleasant), arousal from -1 (calm) to 1 (energetic), always in this order.
 */

export { SentioModel, type PredictOptions, type CheckOptions, type OpenOptions } from "./model.ts";
export { Emotion, type EmotionJson, type Interval, type Quadrant } from "./emotion.ts";
export {
  AudioError,
  BrowserError,
  Damaged,
  InputError,
  MicrophoneError,
  MissingFile,
  NewerSchema,
  NoArtifact,
  SentioError,
  Tampered,
} from "./errors.ts";
export {
  analyseLibrary,
  isSong,
  type LibraryOptions,
  type LibraryProgress,
  type Row,
  type Song,
  type Store,
} from "./library/analyse.ts";
export { songsOfEntries, songsOfFiles } from "./library/folder.ts";
export { openStore, type KeptStore } from "./library/store.ts";
export { csvOf } from "./library/table.ts";
export { microphone } from "./microphone.ts";
export type { LiveListener, LiveSource, StreamOptions } from "./live.ts";
export { downmix, mixChannels, windowStarts } from "./clip.ts";
export { LONGEST, type Sound } from "./decode.ts";
export { wordsOf } from "./words.ts";
export type { DeviceCheck } from "./check.ts";
export { httpFolder, type ModelFolder, type Progress, type ReadOptions } from "./folder.ts";
export { signedFolder } from "./signature.ts";
export { clipOf, soundOf, type GoldenVector } from "./golden.ts";
export type { Artifact, AudioSpec, Manifest, ModelSpec, Uncertainty } from "./manifest.ts";
