/** From an audio file of any kind that the browser plays to mono PCM at the model's rate. */

import { mixChannels, checkPcm } from "./clip.ts";
import { AudioError, reason } from "./errors.ts";
import type { AudioSpec } from "./manifest.ts";

/**
 * Seconds of sound that are decoded of one file at most. Browsers decode files as a whole, at their own rate and with all
 * channels: twenty minutes of stereo are about half a gigabyte while that lasts.
 */
export const LONGEST = 20 * 60;

/**
 * Bytes from a file's beginning that are tried first where one clip is all that is wanted: half a minute of any
 * compressed format, and of uncompressed stereo.
 */
const HEAD = 8 << 20;

/** Bytes above which a file that does not tell its length is not decoded. */
const MOST_BYTES = 256 << 20;

/** Mono PCM, full scale at -1 and 1. */
export interface Sound {
  readonly pcm: Float32Array<ArrayBuffer>;
  /** Samples a second, in Hz. */
  readonly sampleRate: number;
  /** What it is called in messages and answers. */
  readonly name: string;
}

/**
 * Decode a file, mix its channels down by their mean, and resample it to `audio.sampleRate`.
 *
 * @param seconds how much is wanted; where it is given, no more of the file is decoded than its kind allows.
 * @throws AudioError the file is empty, cannot be decoded, holds no sound, or is too long to decode as a whole.
 */
export async function decodeFile(file: Blob, audio: AudioSpec, seconds?: number): Promise<Sound> {
  const name = file instanceof File ? file.name : "The recording";
  if (file.size === 0) throw new AudioError(`${name}: is empty, 0 bytes; copy it again from its source`);
  const head = seconds === undefined || file.size <= HEAD ? null : await decodeHead(file, audio, seconds);
  const buffer = head ?? (await decodeWhole(file, name, audio));
  const wanted = seconds === undefined ? buffer.length : Math.round(seconds * audio.sampleRate);
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, i) => buffer.getChannelData(i).subarray(0, wanted));
  const pcm = mixChannels(channels);
  checkPcm(pcm, name);
  return { pcm, sampleRate: audio.sampleRate, name };
}

/** The sound of a file's first bytes; `null` where they cannot be decoded by themselves, or hold too little. */
async function decodeHead(file: Blob, audio: AudioSpec, seconds: number): Promise<AudioBuffer | null> {
  try {
    const buffer = await decode(await file.slice(0, HEAD).arrayBuffer(), audio);
    // A second more, as the cut spoils the last frames.
    return buffer.duration >= seconds + 1 ? buffer : null;
  } catch {
    return null;
  }
}

async function decodeWhole(file: Blob, name: string, audio: AudioSpec): Promise<AudioBuffer> {
  const seconds = await likelySeconds(file);
  if (seconds === null ? file.size > MOST_BYTES : seconds > LONGEST) {
    const long = seconds === null ? `${Math.round(file.size / 1e6)} MB` : `${Math.round(seconds / 60)} minutes`;
    throw new AudioError(
      `${name}: has ${long}, too much to decode in a browser; cut it into parts of ${LONGEST / 60} minutes or less`,
    );
  }
  let bytes: ArrayBuffer;
  try {
    bytes = await file.arrayBuffer();
  } catch (error) {
    throw new AudioError(`${name}: cannot be read (${reason(error)}); choose it again`);
  }
  try {
    return await decode(bytes, audio);
  } catch {
    throw new AudioError(`${name}: cannot be decoded, it is damaged or not audio; give a wav, flac, ogg, mp3 or m4a file`);
  }
}

/** Decoders of offline contexts resample to the context's rate; their channels stay apart. */
function decode(bytes: ArrayBuffer, audio: AudioSpec): Promise<AudioBuffer> {
  return new OfflineAudioContext(1, 1, audio.sampleRate).decodeAudioData(bytes);
}

/** How long a file says that it is, in seconds; `null` where it does not say. Decodes nothing. */
function likelySeconds(file: Blob): Promise<number | null> {
  const url = URL.createObjectURL(file);
  const element = new Audio();
  return new Promise<number | null>((resolve) => {
    element.addEventListener("loadedmetadata", () => resolve(Number.isFinite(element.duration) ? element.duration : null));
    element.addEventListener("error", () => resolve(null));
    element.preload = "metadata";
    element.src = url;
  }).finally(() => {
    element.removeAttribute("src");
    URL.revokeObjectURL(url);
  });
}
