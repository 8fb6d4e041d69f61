/**
 * What is said of a prediction in words, as far as its interval allows; the same rule in Python, Kotlin and Swift.
 *
 * `export/golden/words.json` has cases that the tests of every language read.
 */

/** Distance from zero under which a value is neutral, unless its interval leaves out zero. */
export const NEUTRAL_BELOW = 0.1;

/**
 * Words for valence and arousal, in this order: "leaning pleasant, calm"; "neutral" where both are.
 *
 * An interval is the value plus and minus its half width, ends included. Where zero lies in it, the side is not known.
 *
 * @param halfWidth of valence and of arousal; `null` where it was not measured.
 * @param silent whether nothing could be heard: the values say nothing then.
 */
export function wordsOf(
  valence: number,
  arousal: number,
  halfWidth: readonly [number, number] | null,
  silent: boolean,
): string {
  if (silent) return "silent";
  const parts = [
    side(valence, halfWidth?.[0] ?? null, "pleasant", "unpleasant"),
    side(arousal, halfWidth?.[1] ?? null, "energetic", "calm"),
  ];
  return parts.every((part) => part === "neutral") ? "neutral" : parts.join(", ");
}

function side(value: number, half: number | null, high: string, low: string): string {
  const known = half !== null && Math.abs(value) > half;
  if (Math.abs(value) < NEUTRAL_BELOW && !known) return "neutral";
  const word = value > 0 ? high : low;
  return known || half === null ? word : `leaning ${word}`;
}
