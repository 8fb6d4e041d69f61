/** Sounds for those who have none at hand: the golden vectors that came with the model. */

import { soundOf, type SentioModel } from "../sdk/index.ts";
import { wavFile } from "./wav.ts";

/** One example after another, and from the first again. */
export class Examples {
  #given = 0;

  /** The next one, as a file like any other. */
  async next(model: SentioModel): Promise<File> {
    const vectors = await model.golden();
    const index = this.#given++ % vectors.length;
    return wavFile(soundOf(vectors[index]!), model.spec.audio.sampleRate, `Example ${index + 1} of ${vectors.length}.wav`);
  }
}
