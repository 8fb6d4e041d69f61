/** The page: opens the model, and gives it what people drop, choose, or play to the microphone. One thing at a time. */

import { microphone, SentioError, SentioModel } from "../sdk/index.ts";
import { describe } from "./about.ts";
import { offerCheck } from "./device.ts";
import { byId } from "./dom.ts";
import { Examples } from "./examples.ts";
import { acceptFiles } from "./files.ts";
import { Library } from "./library.ts";
import { Log } from "./log.ts";
import { Moments } from "./moments.ts";
import { keepOffline } from "./offline.ts";
import { SAMPLE, sampleSong, wantsSample } from "./sample.ts";
import { analyzeSong, type Tell } from "./song.ts";
import { megabytes } from "./words.ts";

/** Seconds that the microphone must have heard before the first answer. */
const FIRST = 5;

const moments = new Moments();
const examples = new Examples();
const log = new Log();
const listenButton = byId<HTMLButtonElement>("listen");
let current = new AbortController();

const opened = SentioModel.open(new URL("sentio", document.baseURI), {
  progress: (loaded, total) => {
    byId("model-note").textContent = `Loading: ${megabytes(loaded)}${total ? ` of ${megabytes(total)}` : ""}.`;
  },
});

opened.then(describe, (error: unknown) => {
  byId("model-note").textContent = "The model could not be loaded.";
  fail(error);
});
const library = new Library(opened);
acceptFiles(hear, (songs) => {
  current.abort();
  void library.analyse(songs);
});
listenButton.addEventListener("click", () => (isListening() ? current.abort() : listen()));
byId("example").addEventListener("click", () =>
  work("Example", null, async (model, say, signal) => {
    const file = await examples.next(model);
    moments.begin(file.name, file);
    await analyzeSong(model, file, moments, say, signal, null);
  }),
);
byId("cancel").addEventListener("click", () => current.abort());
offerCheck(opened);
keepOffline(byId("promise"));

void work(SAMPLE, null, async (model, say, signal) => {
  if (!wantsSample()) return;
  const file = await sampleSong(signal);
  if (!file) return;
  moments.begin(SAMPLE, file, false);
  await analyzeSong(model, file, moments, say, signal, null);
});

/** Do one thing, after ending what went on before it. */
async function work(
  title: string,
  file: File | null,
  task: (model: SentioModel, say: Tell, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  current.abort();
  const mine = (current = new AbortController());
  mine.signal.addEventListener("abort", rest);
  moments.begin(title, file);
  byId("error").hidden = true;
  const say: Tell = (words, share) => {
    if (!mine.signal.aborted) tell(words, share);
  };
  say("Loading the model");
  try {
    const model = await opened;
    mine.signal.throwIfAborted();
    await task(model, say, mine.signal);
  } catch (error) {
    if (!mine.signal.aborted) fail(error);
  } finally {
    if (!mine.signal.aborted) rest();
  }
}

function hear(file: File): void {
  void work(file.name, file, (model, say, signal) => analyzeSong(model, file, moments, say, signal, log));
}

function listen(): void {
  void work("Microphone", null, async (model, say, signal) => {
    showListening(true);
    say("Waiting for the microphone");
    const listening = (seconds: number) => {
      if (seconds < FIRST) say(`Listening; the first answer comes after ${FIRST} s`, seconds / FIRST);
    };
    let words = "";
    for await (const answer of model.stream(microphone(), { minimum: FIRST, name: "microphone", signal, listening })) {
      say("Listening", 1);
      moments.follow(answer);
      // An announcement every second would drown the music.
      if (answer.words !== words) moments.announce(answer.words);
      words = answer.words;
    }
  });
}

function tell(words: string, share?: number): void {
  const progress = byId<HTMLProgressElement>("work-progress");
  byId("work").hidden = false;
  byId("work-text").textContent = words;
  if (share === undefined) progress.removeAttribute("value");
  else progress.value = share;
}

/** Nothing goes on any more. */
function rest(): void {
  byId("work").hidden = true;
  showListening(false);
}

function showListening(on: boolean): void {
  listenButton.classList.toggle("on", on);
  byId("listen-text").textContent = on ? "Stop listening" : "Listen";
}

function isListening(): boolean {
  return listenButton.classList.contains("on");
}

function fail(error: unknown): void {
  const box = byId("error");
  // Anything else is a fault of this page, which whoever can mend it should see.
  if (!(error instanceof SentioError)) console.error(error);
  box.textContent = error instanceof SentioError ? `${error.message}.` : "This page has a fault. Load it again.";
  box.hidden = false;
}
