/** The last so many samples of a sound without an end. */

/** A ring buffer of PCM. */
export class Ring {
  readonly #samples: Float32Array;
  #written = 0;

  /** @param capacity samples that it remembers. */
  constructor(capacity: number) {
    this.#samples = new Float32Array(capacity);
  }

  /** Samples that were ever written. */
  get written(): number {
    return this.#written;
  }

  /** Write the next samples; the oldest are forgotten. */
  write(pcm: Float32Array): void {
    const capacity = this.#samples.length;
    const kept = pcm.subarray(Math.max(0, pcm.length - capacity));
    const at = (this.#written + pcm.length - kept.length) % capacity;
    const head = kept.subarray(0, capacity - at);
    this.#samples.set(head, at);
    this.#samples.set(kept.subarray(head.length), 0);
    this.#written += pcm.length;
  }

  /** A copy of what it remembers, the oldest sample first. */
  latest(): Float32Array<ArrayBuffer> {
    const capacity = this.#samples.length;
    if (this.#written < capacity) return this.#samples.slice(0, this.#written);
    const at = this.#written % capacity;
    const pcm = new Float32Array(capacity);
    pcm.set(this.#samples.subarray(at));
    pcm.set(this.#samples.subarray(0, at), capacity - at);
    return pcm;
  }
}
