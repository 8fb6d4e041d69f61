/** PCM as a WAV file, so that sounds in memory go the way of any file. */

const HEADER = 44;

/**
 * Mono, 16 bits.
 *
 * @param pcm full scale at -1 and 1.
 * @param sampleRate in Hz.
 */
export function wavFile(pcm: Float32Array, sampleRate: number, name: string): File {
  const view = new DataView(new ArrayBuffer(HEADER + 2 * pcm.length));
  const text = (at: number, word: string) => [...word].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, view.byteLength - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, 2 * sampleRate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * pcm.length, true);
  pcm.forEach((sample, i) => view.setInt16(HEADER + 2 * i, Math.max(-32768, Math.min(32767, Math.round(sample * 32768))), true));
  return new File([view], name, { type: "audio/wav" });
}
