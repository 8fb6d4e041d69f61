/** Valence and arousal over time, with the moment that is shown on the plane. */

import type { Emotion } from "../sdk/index.ts";
import { byId, draw, set } from "./dom.ts";
import { clock, signed } from "./words.ts";

const [LEFT, RIGHT, TOP, BOTTOM] = [38, 14, 10, 26];

/** Pixels between times under the plot, at the least. */
const TIMES_APART = 80;

/** Seconds between times under the plot. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300];

/** The plot of index.html. */
export class Timeline {
  readonly #root = byId<SVGSVGElement>("timeline");
  readonly #text = byId<SVGDescElement>("timeline-text");
  readonly #plot = draw(this.#root, "g", { "aria-hidden": "true" });
  #answers: readonly Emotion[] = [];
  #seconds = 1;
  #now = 0;

  constructor() {
    new ResizeObserver(() => this.#draw()).observe(this.#root);
  }

  /**
   * Show answers, in the order of their times.
   *
   * @param seconds how long the sound is.
   * @param now the moment on the plane, in seconds.
   */
  show(answers: readonly Emotion[], seconds: number, now: number): void {
    [this.#answers, this.#seconds, this.#now] = [answers, Math.max(seconds, 1), now];
    this.#draw();
    this.#text.textContent = summary(answers);
  }

  #draw(): void {
    const { width, height } = this.#root.getBoundingClientRect();
    this.#plot.replaceChildren();
    if (width < 2 * (LEFT + RIGHT)) return;
    set(this.#root, { viewBox: `0 0 ${width} ${height}` });
    const x = (seconds: number) => LEFT + ((width - LEFT - RIGHT) * seconds) / this.#seconds;
    const y = (value: number) => TOP + ((height - TOP - BOTTOM) * (1 - Math.max(-1, Math.min(1, value)))) / 2;
    for (const value of [-1, 0, 1]) {
      draw(this.#plot, "path", { class: value ? "faint" : "zero", d: `M${LEFT} ${y(value)}H${width - RIGHT}` });
      draw(this.#plot, "text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, value ? signed(value).slice(0, 2) : "0");
    }
    const room = (width - LEFT - RIGHT) / TIMES_APART;
    const step = STEPS.find((seconds) => this.#seconds / seconds <= room) ?? 600;
    for (let at = 0; at <= this.#seconds; at += step) {
      draw(this.#plot, "text", { x: x(at), y: height - 6, "text-anchor": at ? "middle" : "start" }, clock(at));
    }
    for (const name of ["valence", "arousal"] as const) {
      const band = this.#answers.flatMap(({ time, interval }) => (interval ? [{ time, ends: interval[name] }] : []));
      const upper = band.map(({ time, ends }) => `${x(time)} ${y(ends[1])}`);
      const lower = band.map(({ time, ends }) => `${x(time)} ${y(ends[0])}`).reverse();
      if (band.length > 1) draw(this.#plot, "path", { class: `band ${name}`, d: `M${[...upper, ...lower].join("L")}Z` });
    }
    for (const name of ["valence", "arousal"] as const) {
      const points = this.#answers.map((answer) => `${x(answer.time)} ${y(answer[name])}`);
      if (points.length > 1) draw(this.#plot, "path", { class: `line ${name}`, d: `M${points.join("L")}` });
    }
    draw(this.#plot, "path", { class: "now", d: `M${x(this.#now)} ${TOP}V${height - BOTTOM}` });
    const shown = nearest(this.#answers, this.#now);
    if (!shown) return;
    for (const name of ["valence", "arousal"] as const) {
      draw(this.#plot, "circle", { class: `mark ${name}`, cx: x(this.#now), cy: y(shown[name]), r: 5 });
    }
  }
}

/** The answer whose middle is nearest to a time. */
export function nearest(answers: readonly Emotion[], seconds: number): Emotion | undefined {
  let [low, high] = [0, answers.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    const [here, next] = [answers[middle] as Emotion, answers[middle + 1] as Emotion];
    if (Math.abs(next.time - seconds) <= Math.abs(here.time - seconds)) low = middle + 1;
    else high = middle;
  }
  return answers[low];
}

function summary(answers: readonly Emotion[]): string {
  const [first, last] = [answers[0], answers.at(-1)];
  if (!first || !last) return "No answers yet.";
  const range = (name: "valence" | "arousal") => {
    const values = answers.map((answer) => answer[name]);
    return `${name} from ${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
  };
  return `${answers.length} answers: ${range("valence")}, ${range("arousal")}; first ${first.words}, last ${last.words}.`;
}
