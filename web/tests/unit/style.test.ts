/** Colours that can be read: contrasts as WCAG 2.2 computes them, in both schemes. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { WEB } from "../support/paths.ts";

const [light = "", dark = ""] = readFileSync(join(WEB, "src/demo/style/tokens.css"), "utf8").split(
  "@media (prefers-color-scheme: dark)",
);

function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const share = parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Text on ground with the least contrast allowed: 4.5 for text, 3 for what is drawn. */
const PAIRS: [text: string, ground: string, least: number][] = [
  ["ink", "page", 7],
  ["ink", "card", 7],
  ["soft", "page", 4.5],
  ["soft", "card", 4.5],
  ["on-accent", "accent", 4.5],
  ["error", "error-ground", 4.5],
  ["accent", "page", 3],
  ["valence", "card", 3],
  ["arousal", "card", 3],
];

for (const [scheme, tokens] of [
  ["light", light],
  ["dark", dark],
] as const) {
  test(`the ${scheme} scheme can be read`, () => {
    const colour = (name: string) => {
      const found = new RegExp(`--${name}: (#[0-9a-f]{6});`).exec(tokens)?.[1];
      assert.ok(found, `no --${name}`);
      return found;
    };
    for (const [text, ground, least] of PAIRS) {
      const [low, high] = [luminance(colour(text)), luminance(colour(ground))].sort((a, b) => a - b) as [number, number];
      const contrast = (high + 0.05) / (low + 0.05);
      assert.ok(contrast >= least, `${text} on ${ground}: ${contrast.toFixed(2)}, at least ${least} is needed`);
    }
  });
}
