/** The front end that all of the project's models have, and what Python's gave for the golden sounds. */

import type { AudioSpec } from "../../src/sdk/manifest.ts";
import { bytesOf } from "./paths.ts";

/** What the image depends on besides the clip. */
export const MEL = {
  nFft: 2048,
  nMels: 128,
  fMin: 20,
  fMax: 8000,
  floorDb: -80,
  normalization: "db80",
  imageSize: [224, 224],
} as const satisfies Partial<AudioSpec>;

/** A tensor of a safetensors file, row by row. */
export function tensor(path: string, name: string): { values: Float32Array | Int32Array; shape: number[] } {
  const bytes = bytesOf(path);
  const size = Number(new DataView(bytes).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, size)));
  const { dtype, shape, data_offsets } = header[name];
  const data = bytes.slice(8 + size + data_offsets[0], 8 + size + data_offsets[1]);
  return { values: dtype === "I32" ? new Int32Array(data) : new Float32Array(data), shape };
}
