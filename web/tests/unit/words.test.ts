/** Words for values and intervals: the cases that every language of the project reads. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Emotion } from "../../src/sdk/emotion.ts";
import { NEUTRAL_BELOW } from "../../src/sdk/words.ts";
import { WEB } from "../support/paths.ts";

const FILE = join(WEB, "../export/golden/words.json");
const skip = existsSync(FILE) ? false : "no ../export/golden; this project was packaged";

interface Case {
  valence: number;
  arousal: number;
  half_width: [number, number] | null;
  silent: boolean;
  words: string;
}

test("words are those of the shared cases", { skip }, () => {
  const { neutral_below, cases } = JSON.parse(readFileSync(FILE, "utf8")) as { neutral_below: number; cases: Case[] };
  assert.equal(NEUTRAL_BELOW, neutral_below);
  assert.ok(cases.length > 20);
  for (const { valence, arousal, half_width, silent, words } of cases) {
    const uncertainty = half_width && { coverage: 0.9, halfWidth: half_width, songs: 100 };
    const emotion = new Emotion({ song: "a", valence, arousal, start: 0, end: 30, inferenceMs: 1, uncertainty, silent });
    assert.equal(emotion.words, words, `${valence} ${arousal} ${half_width}`);
  }
});
