/** The built page, as people meet it: what it answers, and how it treats them. */

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { parseGolden, soundOf } from "../../src/sdk/golden.ts";
import { parseManifest } from "../../src/sdk/manifest.ts";
import { wordsOf } from "../../src/sdk/words.ts";
import type { DeviceCheck } from "../../src/sdk/check.ts";
import { launch, noBrowser, open } from "../support/browser.ts";
import { answersFor, choose, done, download, errorOf, ready, saved } from "../support/page.ts";
import { bytesOf, DIST, HEADERS, MODEL } from "../support/paths.ts";
import { serve, type Site } from "../support/server.ts";
import { tune, wav } from "../support/sounds.ts";

const manifest = parseManifest(new TextDecoder().decode(bytesOf(join(MODEL, "manifest.json"))));
const { audio } = manifest.spec;
const vectors = parseGolden(bytesOf(join(MODEL, "golden.safetensors")), audio);
const goldenWav = (i: number) => wav([soundOf(vectors[i]!).map((sample) => (sample * 32768) / 32767)], audio.sampleRate);

let browser: Browser;
let site: Site;

before(async () => {
  if (noBrowser) return;
  [browser, site] = await Promise.all([launch(), serve(DIST, HEADERS)]);
});
after(async () => {
  await browser?.close();
  await site?.close();
});

const options = { skip: noBrowser };

test("golden vectors, chosen as files, get Python's answers", options, async () => {
  const { page, context, complaints } = await open(browser, site.url);
  assert.equal(await page.evaluate(() => crossOriginIsolated), true);
  let worst = 0;
  for (const [i, { output, length }] of vectors.entries()) {
    const { song } = await answersFor(page, `golden ${i}.wav`, goldenWav(i));
    assert.ok(song);
    const off = Math.max(Math.abs(song.valence - output[0]), Math.abs(song.arousal - output[1]));
    worst = Math.max(worst, off);
    assert.ok(off < 1e-3, `vector ${i} is ${off} off`);
    assert.equal(song.song, `golden ${i}.wav`);
    assert.equal(song.end, Math.round((1e6 * length) / audio.sampleRate) / 1e6);
    assert.equal((await page.locator("#words").innerText()).toLowerCase(), wordsOf(song.valence, song.arousal, null, song.silent));
  }
  console.log(`    worst difference ${worst.toExponential(1)}, of answers that are saved with six decimals`);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("of two songs at once, the later one is answered, and rightly", options, async () => {
  const { page, context, complaints } = await open(browser, site.url);
  await ready(page);
  await choose(page, "first.wav", wav([tune(45, 22050, 0.9)], 22050));
  await page.locator("#result").waitFor();
  await choose(page, "second.wav", goldenWav(1));
  await done(page);
  const { song, moments } = await saved(page);
  assert.equal(song?.song, "second.wav");
  assert.ok(Math.abs(song.valence - vectors[1]!.output[0]) < 1e-3);
  assert.deepEqual(moments, []);
  // Two in one breath: the first had not even been decoded.
  await choose(page, "third.wav", wav([tune(45, 22050, 0.9)], 22050));
  await choose(page, "fourth.wav", goldenWav(2));
  await done(page);
  await page.waitForFunction(() => document.querySelector("#song")?.textContent === "fourth.wav");
  assert.ok(Math.abs((await saved(page)).song!.valence - vectors[2]!.output[0]) < 1e-3);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("a song is followed over time, played, and cancelled", options, async () => {
  const { page, context, complaints } = await open(browser, site.url);
  const both = new Float32Array(40 * 22050);
  both.set(tune(20, 22050, 0.1));
  both.set(tune(20, 22050, 0.9), 20 * 22050);
  const { moments } = await answersFor(page, "two moods.wav", wav([both], 22050));
  assert.deepEqual(
    moments.map(({ start }) => Math.round(start)),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  await page.focus("#scrub");
  await page.keyboard.press("End");
  const last = moments.at(-1)!;
  assert.equal(await page.locator("#scrub").getAttribute("aria-valuetext"), `0:40, ${wordsOf(last.valence, last.arousal, null, last.silent)}`);
  assert.equal(
    await page.locator("#valence").innerText(),
    last.valence
      .toFixed(2)
      .replace(/^-/, "\u2212")
      .replace(/^(?=\d)/, "+"),
  );
  await page.keyboard.press("Home");
  await page.getByRole("button", { name: "Play" }).click();
  await page.getByRole("button", { name: "Pause" }).waitFor();
  await page.waitForFunction(() => Number(document.querySelector<HTMLInputElement>("#scrub")?.value) > 0.2);
  await page.getByRole("button", { name: "Pause" }).click();

  await choose(page, "long.wav", wav([tune(120, 22050, 0.5)], 22050));
  await page.waitForFunction(() => document.querySelector<HTMLProgressElement>("#work-progress")!.value > 0);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.locator("#work").waitFor({ state: "hidden" });
  const kept = (await saved(page)).moments.length;
  assert.ok(kept > 0 && kept < 91, `${kept} answers`);
  assert.equal(await errorOf(page), "");
  assert.deepEqual(complaints, []);
  await context.close();
});

test("the first screen has the sample song, which gives way to what people choose", options, async () => {
  const { page, context, complaints } = await open(browser, site.url);
  await page.locator("#result").waitFor();
  await done(page);
  assert.equal(await page.locator("#song").innerText(), "A sample, made by a program");
  assert.ok(await page.locator("#intro").isVisible(), "the page's first words stay");
  assert.equal(await page.locator("#announce").innerText(), "", "nobody asked for it");
  const { song, moments } = await saved(page);
  assert.ok(song && song.arousal < -0.3 && moments.at(-1)!.arousal > song.arousal + 0.2, "from calm to lively");
  assert.equal(await errorOf(page), "");
  await answersFor(page, "golden.wav", goldenWav(0));
  assert.equal(await page.locator("#intro").isVisible(), false);
  assert.notEqual(await page.locator("#announce").innerText(), "");
  assert.deepEqual(complaints, []);
  await context.close();
});

test("without the sample song the page waits for one", options, async () => {
  const bare = await serve(DIST, HEADERS);
  bare.falsified = { "sample.mp3": null };
  const { page, context } = await open(browser, bare.url, { serviceWorkers: "block" });
  await ready(page);
  await done(page);
  assert.equal(await page.locator("#result").isVisible(), false);
  assert.equal(await errorOf(page), "");
  await context.close();
  await bare.close();
});

test("words stay readable where a range is shown, and the legend has it", options, async () => {
  const ranged = await serve(DIST, HEADERS);
  const text = new TextDecoder().decode(bytesOf(join(MODEL, "manifest.json")));
  const uncertain = JSON.parse(text) as { spec: { uncertainty: unknown } };
  uncertain.spec.uncertainty = { coverage: 0.9, half_width: [0.97, 0.5], songs: 36, method: "conformal" };
  ranged.falsified = { "sentio/manifest.json": JSON.stringify(uncertain) };
  const { page, context, complaints } = await open(browser, ranged.url, { reducedMotion: "reduce" });
  await page.locator("#result").waitFor();
  await done(page);
  await page.locator("#legend-range").waitFor();
  await page.focus("#scrub");
  for (let i = 0; i < 3; i++) await page.keyboard.press("PageUp");
  assert.match(await page.locator("#words").innerText(), /leaning|neutral/i);
  const order = await page.evaluate(() => {
    const [box, words, point] = [".interval", ".labels", ".point"].map((name) => document.querySelector(`#plane ${name}`)!);
    const after = (one: Element, other: Element) => Boolean(one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING);
    return [after(box!, words!), after(words!, point!)];
  });
  assert.deepEqual(order, [true, true], "the range lies under the words, the answer on them");
  const folder = join(tmpdir(), "sentio-web-screenshots");
  mkdirSync(folder, { recursive: true });
  for (const [width, height] of [[360, 740], [1440, 900]] as const) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(folder, `sample-${width}-${colorScheme}.png`), fullPage: true });
    }
  }
  assert.deepEqual(complaints, []);
  await context.close();
  await ranged.close();
});

test("an example needs no file", options, async () => {
  const { page, context, complaints } = await open(browser, site.url);
  for (const { output } of vectors.slice(0, 2)) {
    await page.getByRole("button", { name: "Try an example" }).click();
    await page.locator("#result").waitFor();
    await done(page);
    assert.ok(Math.abs((await saved(page)).song!.valence - output[0]) < 1e-3);
    assert.equal(await page.locator("#timeline .mark").count(), 2, "its one answer is in the plot");
  }
  assert.deepEqual(complaints, []);
  await context.close();
});

test("the device is checked, and the check saved", options, async () => {
  const { page, context, complaints } = await open(browser, site.url);
  await page.getByRole("button", { name: "Check this device" }).click();
  await page.getByText("This device answers as it should").waitFor({ timeout: 60_000 });
  const check = (await download(page, "#check-save")) as DeviceCheck;
  assert.ok(check.golden.passed && check.golden.worst < 1e-3 && check.golden.vectors === 4);
  assert.ok(
    check.latency.runs === 50 &&
      check.latency.p50 > 0 &&
      check.latency.p90 >= check.latency.p50 &&
      check.latency.p99 >= check.latency.p90,
  );
  assert.equal(check.model.sha256, manifest.files.get(check.model.artifact)?.sha256);
  assert.equal(check.browser.crossOriginIsolated, true);
  console.log(
    `    worst ${check.golden.worst.toExponential(1)}, p50 ${check.latency.p50.toFixed(0)} ms, p90 ${check.latency.p90.toFixed(0)} ms, load ${check.loadMs.toFixed(0)} ms, ${check.browser.threads} threads`,
  );
  assert.deepEqual(complaints, []);
  await context.close();
});

test("the policy is in the page itself, strict, and holds where a host sends no headers", options, async () => {
  const bare = await serve(DIST, {});
  const { page, context, complaints } = await open(browser, bare.url);
  const policy = (await page.locator("meta[http-equiv=Content-Security-Policy]").getAttribute("content")) ?? "";
  assert.ok(policy === HEADERS["Content-Security-Policy"], policy);
  assert.ok(policy.includes("default-src 'none'") && !/unsafe-inline|'unsafe-eval'|https?:|\*/.test(policy));
  assert.equal(await page.evaluate(() => crossOriginIsolated), false);
  await ready(page);
  assert.match(await page.locator("#model-facts").innerText(), /Threads\s+1$/);
  const { song } = await answersFor(page, "golden.wav", goldenWav(0));
  assert.ok(Math.abs(song!.valence - vectors[0]!.output[0]) < 1e-3);
  assert.deepEqual(complaints.splice(0), []);
  // The service worker brings the headers that the host lacks.
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload();
  assert.equal(await page.evaluate(() => crossOriginIsolated), true);
  // A script that somebody smuggled in does not run, and no other host is reached.
  const blocked = await page.evaluate(async () => {
    const script = document.createElement("script");
    script.textContent = "window.smuggled = true";
    document.head.append(script);
    const reached = await fetch("https://example.org/").then(
      () => true,
      () => false,
    );
    return !("smuggled" in window) && !reached;
  });
  assert.ok(blocked);
  await page.waitForTimeout(200);
  assert.ok(
    complaints.some((complaint) => complaint.includes("policy violated: connect-src")),
    complaints.join("\n"),
  );
  await context.close();
  await bare.close();
});

/** Everything that a screen reader can meet, as the browser computes it. */
async function accessible(page: Page): Promise<{ role: string; name: string }[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  return nodes
    .filter(({ ignored }) => !ignored)
    .map(({ role, name }) => ({ role: String(role?.value), name: String(name?.value ?? "") }));
}

test("everything has a name, and is reached by keyboard in the order of the page", options, async () => {
  const { page, context } = await open(browser, site.url);
  await ready(page);
  await page.getByRole("button", { name: "Try an example" }).click();
  await done(page);
  await page.locator("#result").waitFor();
  const named = ["button", "slider", "link", "progressbar", "image", "heading", "region", "textbox", "checkbox"];
  const nodes = await accessible(page);
  assert.deepEqual(
    nodes.filter(({ role, name }) => named.includes(role) && !name.trim()),
    [],
  );
  assert.ok(
    nodes.some(({ role, name }) => role === "button" && name.includes("Choose a song")),
    "the file input is a button with a name",
  );
  assert.equal(nodes.filter(({ role }) => role === "main").length, 1);
  assert.match(
    await page.locator("#announce").innerText(),
    /^Example 1 of 4\.wav: (un)?pleasant, (calm|energetic)\. Valence -?\d\.\d\d, arousal -?\d\.\d\d\.$/,
  );

  await page.focus("#file");
  await page.keyboard.press("Shift+Tab");
  const order = [];
  for (let i = 0; i < 11; i++) {
    if (i) await page.keyboard.press("Tab");
    order.push(
      await page.evaluate(
        () =>
          document.activeElement?.id || document.activeElement?.className || document.activeElement?.textContent?.toLowerCase(),
      ),
    );
    const ring = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement;
      const shown = element.matches("#file, #folder") ? element.closest("label")! : element;
      return getComputedStyle(shown).outlineStyle;
    });
    assert.equal(ring, "solid", `${order.at(-1)} shows that it has the focus`);
  }
  assert.deepEqual(order, ["skip", "file", "listen", "example", "scrub", "play", "save", "folder", "log-keep", "check", "licences"]);
  await context.close();
});

test("it fits every width and scheme, and keeps still for those who ask for it", options, async () => {
  const folder = join(tmpdir(), "sentio-web-screenshots");
  mkdirSync(folder, { recursive: true });
  const { page, context, complaints } = await open(browser, site.url, { reducedMotion: "reduce" });
  await page.getByRole("button", { name: "Try an example" }).click();
  await page.locator("#result").waitFor();
  await done(page);
  for (const [width, height] of [
    [320, 640],
    [360, 740],
    [768, 1024],
    [1440, 900],
  ] as const) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(folder, `${width}-${colorScheme}.png`), fullPage: true });
    }
    const { wide, small, moving } = await page.evaluate(() => ({
      wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      small: [...document.querySelectorAll<HTMLElement>(".button, #scrub")]
        .filter((element) => element.offsetParent && element.getBoundingClientRect().height < 28)
        .map(({ id }) => id),
      moving: getComputedStyle(document.querySelector(".plane .point")!).transitionDuration,
    }));
    assert.deepEqual([wide, small, moving], [0, [], "0s"], String(width));
  }
  assert.deepEqual(complaints, []);
  await context.close();
});
