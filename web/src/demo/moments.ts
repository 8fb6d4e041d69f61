/** The answers that are on the page, and the one moment of them that plane, numbers and timeline show. */

import type { Emotion } from "../sdk/index.ts";
import { byId, saveJson } from "./dom.ts";
import { Plane } from "./plane.ts";
import { Result, spoken } from "./result.ts";
import { nearest, Timeline } from "./timeline.ts";
import { thinned } from "./thin.ts";
import { clock } from "./words.ts";

/** What is shown, and where in it. */
export class Moments {
  readonly #plane = new Plane();
  readonly #timeline = new Timeline();
  readonly #result = new Result();
  readonly #scrub = byId<HTMLInputElement>("scrub");
  readonly #audio = byId<HTMLAudioElement>("audio");
  readonly #play = byId<HTMLButtonElement>("play");
  #title = "";
  #file: File | null = null;
  #whole: Emotion | null = null;
  #answers: Emotion[] = [];
  #seconds = 0;
  #now: number | null = null;
  #frame = 0;
  #url = "";

  constructor() {
    this.#scrub.addEventListener("input", () => this.#seek(Number(this.#scrub.value)));
    this.#play.addEventListener("click", () => this.#toggle());
    for (const event of ["play", "pause", "ended"]) this.#audio.addEventListener(event, () => this.#playing());
    byId("save").addEventListener("click", () => this.#save());
  }

  /** Show nothing. */
  clear(): void {
    this.#audio.pause();
    this.#audio.removeAttribute("src");
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = "";
    this.#whole = this.#now = null;
    this.#answers = [];
    this.#plane.clear();
    this.#result.clear();
    byId("over-time").hidden = true;
  }

  /**
   * Begin with a new sound; with its file, where it can be played.
   *
   * @param asked whether somebody wanted it: what nobody asked for leaves the page's first words, and is not announced.
   */
  begin(title: string, file: File | null, asked = true): void {
    this.clear();
    this.#result.asked = asked;
    this.#title = title;
    this.#file = file;
    this.#play.hidden = !file;
  }

  /** The answer for the sound as such, shown until a moment is chosen. */
  answer(emotion: Emotion): void {
    this.#whole = emotion;
    // Only what could be decoded is given to the player.
    if (this.#file) this.#audio.src = this.#url = URL.createObjectURL(this.#file);
    this.#show();
    this.#result.announce(spoken(emotion, this.#title));
  }

  /** How long the sound is, and what the plot says of itself. */
  length(seconds: number, hint: string): void {
    this.#seconds = seconds;
    this.#scrub.max = String(Math.floor(seconds * 10) / 10);
    byId("over-time").hidden = false;
    byId("over-time-hint").textContent = hint;
    this.#show();
  }

  /** One more answer, later than those before it. */
  add(emotion: Emotion): void {
    this.#answers.push(emotion);
    this.#show();
  }

  /** Live: one more answer, which is the moment that is shown. */
  follow(emotion: Emotion): void {
    this.#now = emotion.end;
    this.#whole ??= emotion;
    this.#answers = [...thinned([...this.#answers, emotion])];
    this.length(emotion.end, "Each answer is for the 30 s before it, or for as much as was heard. Older ones are thinned out.");
  }

  /** Tell a screen reader. */
  announce(text: string): void {
    this.#result.announce(text);
  }

  #show(): void {
    const now = this.#now;
    const answer = now === null ? this.#whole : (nearest(this.#answers, now) ?? this.#whole);
    if (!answer) return;
    this.#plane.show(answer);
    this.#plane.way(this.#answers, now === null ? -1 : this.#answers.indexOf(answer));
    this.#result.show(answer, this.#title);
    // Of a sound that is one clip, and until the first moment is told, there is the answer for its beginning.
    this.#timeline.show(this.#answers.length > 0 ? this.#answers : [answer], this.#seconds, now ?? answer.time);
    this.#scrub.value = String(now ?? answer.time);
    this.#scrub.setAttribute("aria-valuetext", `${clock(now ?? answer.time)}, ${answer.words}`);
    byId("clock").textContent = `${clock(now ?? answer.time)} / ${clock(this.#seconds)}`;
  }

  #seek(seconds: number): void {
    this.#now = seconds;
    if (this.#url) this.#audio.currentTime = seconds;
    this.#show();
  }

  #toggle(): void {
    if (!this.#audio.paused) return this.#audio.pause();
    // A refusal to play is told by the button, which stays as it is.
    this.#audio.play().catch(() => {});
  }

  #playing(): void {
    const on = !this.#audio.paused && !this.#audio.ended;
    this.#play.setAttribute("aria-label", on ? "Pause" : "Play");
    this.#play.classList.toggle("on", on);
    cancelAnimationFrame(this.#frame);
    if (on) this.#step();
  }

  #step(): void {
    this.#now = this.#audio.currentTime;
    this.#show();
    this.#frame = requestAnimationFrame(() => this.#step());
  }

  #save(): void {
    saveJson("answers.json", { song: this.#whole, moments: this.#answers });
  }
}
