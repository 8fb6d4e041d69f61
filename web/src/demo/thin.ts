/** Answers of a stream that goes on for hours, in memory and on a plot that does not grow with it. */

/** Answers that are kept. */
export const MOST_KEPT = 600;

/** The newest ones, of which each is kept: five minutes at one a second. */
export const NEWEST = 300;

/** The same answers while they are few; else every second one of the older, and all of the newest. */
export function thinned<T>(answers: readonly T[]): readonly T[] {
  if (answers.length <= MOST_KEPT) return answers;
  const older = answers.length - NEWEST;
  return answers.filter((_, i) => i >= older || i % 2 === 0);
}
