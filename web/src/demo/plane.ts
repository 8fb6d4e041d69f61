/** The valence-arousal plane: where the music is, how sure that is, and the way that it took. */

import type { Emotion } from "../sdk/index.ts";
import { byId, draw, set } from "./dom.ts";

/** Half of the plane's side, in units of its view box, that values from 0 to 1 take. */
const REACH = 430;
const MIDDLE = 500;

/** Answers that trail behind the point, each paler and smaller than the one after it. */
const TRAIL = 10;

/** The colours of the corners, and a word that each of them is known by. */
const CORNERS = [
  { name: "joyful", class: "joyful", x: 1, y: -1 },
  { name: "tense", class: "tense", x: -1, y: -1 },
  { name: "gloomy", class: "gloomy", x: -1, y: 1 },
  { name: "serene", class: "serene", x: 1, y: 1 },
] as const;

/** The plane of index.html. */
export class Plane {
  readonly #box: SVGRectElement;
  readonly #way: SVGPathElement;
  readonly #trail: readonly SVGCircleElement[];
  readonly #point: SVGGElement;
  readonly #text = byId<SVGDescElement>("plane-text");
  readonly #root = byId<SVGSVGElement>("plane");

  constructor() {
    const root = this.#root;
    const labels = backdrop(root);
    const data = draw(root, "g", { "clip-path": "url(#plane-clip)" });
    this.#box = draw(data, "rect", { class: "interval", rx: 26 });
    this.#way = draw(data, "path", { class: "way" });
    this.#trail = Array.from({ length: TRAIL }, (_, i) =>
      draw(data, "circle", { class: "bead", r: 5 + (8 * i) / TRAIL, opacity: (i + 1) / (TRAIL + 1) }),
    );
    // Words stay readable on the range, and the answer on the words.
    root.append(labels);
    this.#point = draw(draw(root, "g", { "clip-path": "url(#plane-clip)" }), "g", { class: "point" });
    draw(this.#point, "circle", { class: "halo", r: 120, fill: "url(#halo)" });
    draw(this.#point, "circle", { class: "ring", r: 30 });
    draw(this.#point, "circle", { class: "dot", r: 17 });
    this.clear();
  }

  /** Show no music. */
  clear(): void {
    this.#root.classList.remove("has-point");
    this.way([], -1);
    this.#box.setAttribute("visibility", "hidden");
    this.#text.textContent = "No music yet. Unpleasant is left, pleasant right, calm below, energetic above.";
  }

  /** Show an answer. */
  show(emotion: Emotion): void {
    const { x, y } = place(emotion);
    this.#point.style.setProperty("transform", `translate(${x}px, ${y}px)`);
    this.#root.classList.add("has-point");
    const { interval } = emotion;
    this.#box.setAttribute("visibility", interval ? "visible" : "hidden");
    if (interval) {
      const [left, right] = interval.valence.map((value) => MIDDLE + REACH * value) as [number, number];
      const [bottom, top] = interval.arousal.map((value) => MIDDLE - REACH * value) as [number, number];
      set(this.#box, { x: left, y: top, width: right - left, height: bottom - top });
    }
    this.#text.textContent = `${emotion.words}: valence ${emotion.valence.toFixed(2)}, arousal ${emotion.arousal.toFixed(2)}.`;
  }

  /** Show the way through these answers, with a trail up to the one at `now`; below 0, without. */
  way(answers: readonly Emotion[], now: number): void {
    this.#way.setAttribute("d", path(answers));
    this.#root.classList.toggle("has-trail", now >= 0);
    for (const [i, bead] of this.#trail.entries()) {
      const answer = answers[now - TRAIL + i];
      bead.setAttribute("visibility", answer ? "visible" : "hidden");
      if (!answer) continue;
      const { x, y } = place(answer);
      set(bead, { cx: x, cy: y });
    }
  }
}

function place(emotion: Emotion): { x: number; y: number } {
  // The model may say a little more than its scale; the plane ends there.
  const cut = (value: number) => Math.max(-1.05, Math.min(1.05, value));
  return { x: round(MIDDLE + REACH * cut(emotion.valence)), y: round(MIDDLE - REACH * cut(emotion.arousal)) };
}

function path(answers: readonly Emotion[]): string {
  if (answers.length < 2) return "";
  return answers
    .map(place)
    .map(({ x, y }, i) => `${i ? "L" : "M"}${x} ${y}`)
    .join("");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The ground, its lines, and its words, which are given back. */
function backdrop(root: SVGSVGElement): SVGGElement {
  const defs = draw(root, "defs");
  const clip = draw(defs, "clipPath", { id: "plane-clip" });
  draw(clip, "rect", { width: 1000, height: 1000, rx: 64 });
  const halo = draw(defs, "radialGradient", { id: "halo" });
  draw(halo, "stop", { offset: 0, class: "halo-in" });
  draw(halo, "stop", { offset: 1, class: "halo-out" });
  const ground = draw(root, "g", { "clip-path": "url(#plane-clip)" });
  draw(ground, "rect", { class: "ground", width: 1000, height: 1000 });
  for (const corner of CORNERS) {
    const [cx, cy] = [MIDDLE + 470 * corner.x, MIDDLE + 470 * corner.y];
    const gradient = draw(defs, "radialGradient", { id: corner.class, gradientUnits: "userSpaceOnUse", cx, cy, r: 860 });
    draw(gradient, "stop", { offset: 0, class: `${corner.class}-colour`, "stop-opacity": 1 });
    draw(gradient, "stop", { offset: 0.45, class: `${corner.class}-colour`, "stop-opacity": 0.34 });
    draw(gradient, "stop", { offset: 1, class: `${corner.class}-colour`, "stop-opacity": 0 });
    draw(ground, "rect", { class: "glow", width: 1000, height: 1000, fill: `url(#${corner.class})` });
  }
  const lines = draw(root, "g", { class: "lines", "aria-hidden": "true" });
  draw(lines, "circle", { class: "faint", cx: MIDDLE, cy: MIDDLE, r: REACH / 2 });
  draw(lines, "circle", { class: "faint", cx: MIDDLE, cy: MIDDLE, r: REACH });
  draw(lines, "path", { d: "M500 92V908M92 500H908" });
  const labels = draw(root, "g", { class: "labels", "aria-hidden": "true" });
  draw(labels, "text", { x: 500, y: 62, "text-anchor": "middle" }, "energetic");
  draw(labels, "text", { x: 500, y: 962, "text-anchor": "middle" }, "calm");
  draw(labels, "text", { transform: "translate(58 500) rotate(-90)", "text-anchor": "middle" }, "unpleasant");
  draw(labels, "text", { transform: "translate(942 500) rotate(90)", "text-anchor": "middle" }, "pleasant");
  for (const corner of CORNERS) {
    const [x, y] = [corner.x > 0 ? 930 : 70, corner.y > 0 ? 942 : 82];
    draw(labels, "text", { class: "corner", x, y, "text-anchor": corner.x > 0 ? "end" : "start" }, corner.name);
  }
  return labels;
}
