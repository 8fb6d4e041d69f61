/** What tests do on the page, as a person would. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import type { EmotionJson } from "../../src/sdk/emotion.ts";

/** What "Save answers" hands out. */
export interface Saved {
  song: EmotionJson | null;
  moments: EmotionJson[];
}

/** Wait until the model is there, or could not be loaded. */
export async function ready(page: Page): Promise<void> {
  await page.waitForFunction(() => !document.querySelector("#model-note")?.textContent?.startsWith("Loading"));
}

/** Choose a file by the page's own input. */
export async function choose(page: Page, name: string, buffer: Buffer): Promise<void> {
  await page.setInputFiles("#file", { name, mimeType: "application/octet-stream", buffer });
}

/** Wait until nothing goes on any more. */
export async function done(page: Page): Promise<void> {
  await page.waitForFunction(() => document.querySelector<HTMLElement>("#work")?.hidden, null, { timeout: 60_000 });
}

/** Choose a file, wait for its last answer, and save them all. */
export async function answersFor(page: Page, name: string, buffer: Buffer): Promise<Saved> {
  await choose(page, name, buffer);
  await done(page);
  assert.equal(await errorOf(page), "");
  return saved(page);
}

/** What "Save answers" hands out now. */
export async function saved(page: Page): Promise<Saved> {
  return (await download(page, "#save")) as Saved;
}

/** What a button hands out as a JSON file. */
export async function download(page: Page, button: string): Promise<unknown> {
  const [file] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
  return JSON.parse(readFileSync(await file.path(), "utf8"));
}

/** The error that is shown; empty where none is. */
export async function errorOf(page: Page): Promise<string> {
  const box = page.locator("#error");
  return (await box.isVisible()) ? box.innerText() : "";
}
