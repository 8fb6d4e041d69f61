import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_KEPT, NEWEST, thinned } from "../../src/demo/thin.ts";

test("a day of answers, one a second, stays few, in order, from the first to all of the newest", () => {
  let kept: readonly number[] = [];
  const day = 24 * 3600;
  for (let second = 0; second < day; second++) {
    kept = thinned([...kept, second]);
    assert.ok(kept.length <= MOST_KEPT);
  }
  assert.equal(kept[0], 0);
  assert.ok(kept.every((second, i) => i === 0 || second > kept[i - 1]!));
  const newest = Array.from({ length: NEWEST }, (_, i) => day - NEWEST + i);
  assert.deepEqual(kept.slice(-NEWEST), newest);
});

test("few answers are all kept", () => {
  const few = Array.from({ length: MOST_KEPT }, (_, i) => i);
  assert.equal(thinned(few), few);
});
