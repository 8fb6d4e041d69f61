/** The page without a network, and with a model that was exchanged behind its back. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseManifest } from "../../src/sdk/manifest.ts";
import { launch, noBrowser, open } from "../support/browser.ts";
import { answersFor, ready } from "../support/page.ts";
import { DIST, HEADERS, MODEL } from "../support/paths.ts";
import { serve } from "../support/server.ts";
import { tune, wav } from "../support/sounds.ts";

const song = wav([tune(6, 22_050, 0.4)], 22_050);

test("after one visit the page works without network and server, threads, check and all", { skip: noBrowser }, async () => {
  const [browser, site] = await Promise.all([launch(), serve(DIST, HEADERS)]);
  const { page, context, complaints } = await open(browser, site.url);
  await page.getByText("Ready offline").waitFor();
  const before = await answersFor(page, "song.wav", song);
  await context.setOffline(true);
  await site.close();
  await page.reload();
  await ready(page);
  assert.equal(await page.evaluate(() => crossOriginIsolated), true);
  assert.deepEqual(await answersFor(page, "song.wav", song), before);
  await page.getByRole("button", { name: "Try an example" }).click();
  await page.getByText("Example 1 of 4.wav").first().waitFor();
  await page.locator("#result").waitFor();
  assert.deepEqual(
    complaints.filter((complaint) => !complaint.includes("ERR_INTERNET_DISCONNECTED")),
    [],
  );
  await browser.close();
});

test("an exchanged model is used at once, kept for later, and the old one forgotten", { skip: noBrowser }, async () => {
  const [browser, site] = await Promise.all([launch(), serve(DIST, HEADERS)]);
  const { page, context } = await open(browser, site.url);
  await page.getByText("Ready offline").waitFor();
  const { artifacts } = parseManifest(readFileSync(join(MODEL, "manifest.json"), "utf8"));
  const other = JSON.parse(readFileSync(join(MODEL, "manifest.json"), "utf8"));
  const [before, after] = [artifacts[0]!.path, "another.onnx"];
  other.release = "2";
  other.artifacts[0].path = after;
  other.files[after] = other.files[before];
  delete other.files[before];
  site.falsified = {
    "sentio/manifest.json": JSON.stringify(other),
    [`sentio/${after}`]: readFileSync(join(MODEL, before)),
    [`sentio/${before}`]: null,
  };
  await page.reload();
  await ready(page);
  assert.match(await page.locator("#model-facts").innerText(), /release 2/);
  await page.waitForFunction(async (gone) => {
    const cache = await caches.open("/ model");
    return !(await cache.keys()).some(({ url }) => url.includes(gone));
  }, before);
  await context.setOffline(true);
  await site.close();
  await page.reload();
  await ready(page);
  assert.match(await page.locator("#model-facts").innerText(), /release 2/);
  await browser.close();
});
