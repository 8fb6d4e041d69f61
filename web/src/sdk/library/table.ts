/** Rows of a library as CSV, with the columns that `sentio-mobile predict` writes, and without formulas. */

import type { Row } from "./analyse.ts";

const COLUMNS = [
  ...["song", "start", "end", "time", "valence", "arousal", "valence_low", "valence_high", "arousal_low", "arousal_high"],
  ...["coverage", "quadrant", "scale", "silent", "fault"],
] as const;

/** What a spreadsheet would compute, and what of that is a number after all. The same rule as in Python. */
const FORMULA = /^'*[=+\-@\t\r\n]/;
const NUMBER = "[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?";
const HARMLESS = new RegExp(`^${NUMBER}( to ${NUMBER})?$`);

/** One line for each row that has an answer or a fault; those that were begun only are left out. */
export function csvOf(rows: Iterable<Row>): string {
  const lines = [COLUMNS.join(",")];
  for (const { path, answer, fault } of rows) {
    if (!answer && fault === null) continue;
    const cells: Record<string, unknown> = { ...answer, song: path, scale: answer ? answer.scale.join(" to ") : null, fault };
    lines.push(COLUMNS.map((name) => cell(cells[name])).join(","));
  }
  return `${lines.join("\n")}\n`;
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = String(value);
  const plain = typeof value === "string" && FORMULA.test(text) && !HARMLESS.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
