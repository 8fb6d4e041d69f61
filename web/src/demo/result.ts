/** The answer in words and numbers, for eyes and for screen readers. */

import type { Emotion } from "../sdk/index.ts";
import { byId, draw } from "./dom.ts";
import { clock, milliseconds, signed } from "./words.ts";

/** The answer's part of index.html. */
export class Result {
  /** Whether somebody wanted the answer that is shown. */
  asked = true;
  readonly #root = byId("result");
  readonly #meters = { valence: new Meter("valence"), arousal: new Meter("arousal") };

  /** Show no answer. */
  clear(): void {
    this.#root.hidden = true;
    byId("intro").hidden = false;
  }

  /**
   * Show an answer.
   *
   * @param title what the sound is called.
   */
  show(emotion: Emotion, title: string): void {
    this.#root.hidden = false;
    byId("intro").hidden = this.asked;
    byId("song").textContent = title;
    const { words, quadrant } = emotion;
    byId("words").textContent = `${words[0]?.toUpperCase()}${words.slice(1)}`;
    // A corner's colour is for what is sure to lie in it.
    byId("words").dataset["quadrant"] = words === quadrant ? quadrant.replace(", ", "-") : "";
    for (const name of ["valence", "arousal"] as const) this.#meters[name].show(emotion[name], emotion.interval?.[name]);
    byId("facts").textContent =
      `${clock(emotion.start)} to ${clock(emotion.end)}, answered in ${milliseconds(emotion.inferenceMs)}`;
  }

  /** Tell a screen reader; politely, once. */
  announce(text: string): void {
    if (this.asked) byId("announce").textContent = text;
  }
}

/** What a screen reader says of an answer. */
export function spoken(emotion: Emotion, title: string): string {
  return `${title}: ${emotion.words}. Valence ${emotion.valence.toFixed(2)}, arousal ${emotion.arousal.toFixed(2)}.`;
}

class Meter {
  readonly #name: "valence" | "arousal";
  readonly #band: SVGPathElement;
  readonly #bar: SVGPathElement;

  constructor(name: "valence" | "arousal") {
    this.#name = name;
    const root = byId<SVGSVGElement>(`${name}-meter`);
    draw(root, "path", { class: "track", d: span(-1, 1) });
    this.#band = draw(root, "path", { class: `band ${name}` });
    this.#bar = draw(root, "path", { class: `bar ${name}` });
    draw(root, "path", { class: "middle", d: "M100 1V15" });
  }

  show(value: number, range: readonly [number, number] | undefined): void {
    this.#bar.setAttribute("d", span(0, value));
    this.#band.setAttribute("d", range ? span(...range) : "");
    byId(this.#name).textContent = signed(value);
    byId(`${this.#name}-range`).textContent = range ? `${signed(range[0])} to ${signed(range[1])}` : "";
  }
}

/** A line between two values, within the meter and its round ends. */
function span(from: number, to: number): string {
  const x = (value: number) => 100 + 97 * Math.max(-1, Math.min(1, value));
  return `M${x(from)} 8H${x(to)}`;
}
