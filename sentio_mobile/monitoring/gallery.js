"use strict";
// Songs on the plane and in a list: sorted, filtered, and played when one is chosen.
const songs = JSON.parse(document.getElementById("data").textContent).map((song) => ({
  ...song,
  error: song.label && Math.hypot(song.predicted[0] - song.label[0], song.predicted[1] - song.label[1]),
}));
const [plane, list, sound, now] = ["plane", "songs", "sound", "now"].map((id) => document.getElementById(id));
const [sort, group, find, more, count] = ["sort", "group", "find", "more", "count"].map((id) => document.getElementById(id));
const PAGE = 100;
let shown = songs;
let length = PAGE;
let chosen = null;

// What is unknown comes last.
const down = (value) => (a, b) => (value(b) ?? -Infinity) - (value(a) ?? -Infinity);
const orders = {
  error: down((song) => song.error),
  width: down((song) => song.width),
  name: (a, b) => a.name.localeCompare(b.name),
  valence: down((song) => song.predicted[0]),
  arousal: down((song) => song.predicted[1]),
};
const pair = ([valence, arousal]) => `valence ${valence.toFixed(2)}, arousal ${arousal.toFixed(2)}`;

function choose() {
  const words = find.value.trim().toLowerCase();
  shown = songs
    .filter((song) => (!group?.value || song.group === group.value) && song.name.toLowerCase().includes(words))
    .sort(orders[sort.value]);
  length = PAGE;
  const known = shown.filter((song) => song.label);
  const far = known.reduce((sum, song) => sum + song.error, 0) / known.length;
  const error = known.length ? `; ${known.length.toLocaleString("en")} labelled, on average ${far.toFixed(2)} from their label` : "";
  count.textContent = `${shown.length.toLocaleString("en")} of ${songs.length.toLocaleString("en")} songs${error}`;
  fill();
  draw();
}

function part(kind, text) {
  const found = document.createElement("span");
  found.className = kind;
  found.textContent = text;
  return found;
}

function fill() {
  list.replaceChildren(
    ...shown.slice(0, length).map((song) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", String(song === chosen));
      const far = sort.value === "width" ? song.width : song.error;
      button.append(part("name", song.name), part("far", far == null ? "" : `${sort.value === "width" ? "width" : "off by"} ${far.toFixed(2)}`));
      const label = song.label ? `; label ${pair(song.label)}` : "";
      button.append(part("more", `${song.group ? `${song.group}: ` : ""}${pair(song.predicted)}${label}`));
      button.addEventListener("click", () => play(song));
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
  more.hidden = shown.length <= length;
}

function play(song) {
  chosen = song;
  const name = document.createElement("p");
  name.append(Object.assign(document.createElement("strong"), { textContent: song.name }));
  const words = document.createElement("p");
  words.textContent = `${pair(song.predicted)}${song.label ? `; label ${pair(song.label)}` : ""}`;
  now.replaceChildren(name, words);
  [...list.children].forEach((item, at) => item.firstChild.setAttribute("aria-pressed", String(shown[at] === song)));
  draw();
  if (song.sound === null) {
    sound.removeAttribute("src");
    words.textContent += ". Its sound is elsewhere.";
    return;
  }
  sound.src = song.sound;
  sound.play().catch((error) => {
    // A second choice interrupts the first.
    if (error.name !== "AbortError" && chosen === song) words.textContent += ". It cannot be played here.";
  });
}

const MARGIN = 26;
function place([valence, arousal]) {
  const side = plane.clientWidth - 2 * MARGIN;
  return [MARGIN + ((valence + 1) / 2) * side, MARGIN + ((1 - arousal) / 2) * side];
}

function draw() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`);
  const scale = devicePixelRatio;
  plane.width = plane.height = Math.round(plane.clientWidth * scale);
  const paint = plane.getContext("2d");
  paint.scale(scale, scale);
  const [left, top] = place([-1, 1]);
  const [right, bottom] = place([1, -1]);
  const [middle, centre] = place([0, 0]);
  paint.strokeStyle = colour("line");
  paint.strokeRect(left, top, right - left, bottom - top);
  for (const [from, to] of [[[middle, top], [middle, bottom]], [[left, centre], [right, centre]]]) {
    paint.beginPath();
    paint.moveTo(...from);
    paint.lineTo(...to);
    paint.stroke();
  }
  paint.fillStyle = colour("faint");
  paint.font = "12px sans-serif";
  paint.textAlign = "center";
  paint.fillText("energetic", middle, top - 8);
  paint.fillText("calm", middle, bottom + 17);
  paint.save();
  paint.translate(left - 10, centre);
  paint.rotate(-Math.PI / 2);
  paint.fillText("unpleasant", 0, 0);
  paint.translate(0, right - left + 24);
  paint.fillText("pleasant", 0, 0);
  paint.restore();
  paint.fillStyle = colour("accent");
  paint.globalAlpha = shown.length > 500 ? 0.35 : 0.7;
  const size = shown.length > 2000 ? 1.6 : 3;
  for (const song of shown) {
    const [x, y] = place(song.predicted);
    paint.beginPath();
    paint.arc(x, y, size, 0, 2 * Math.PI);
    paint.fill();
  }
  paint.globalAlpha = 1;
  if (!chosen) return;
  const [x, y] = place(chosen.predicted);
  paint.strokeStyle = paint.fillStyle = colour("bad");
  paint.lineWidth = 2;
  if (chosen.label) {
    const [toX, toY] = place(chosen.label);
    paint.beginPath();
    paint.moveTo(x, y);
    paint.lineTo(toX, toY);
    paint.stroke();
    paint.strokeRect(toX - 4, toY - 4, 8, 8);
  }
  paint.beginPath();
  paint.arc(x, y, 6, 0, 2 * Math.PI);
  paint.fill();
}

plane.addEventListener("click", (event) => {
  const near = { song: null, far: 24 };
  for (const song of shown) {
    const [x, y] = place(song.predicted);
    const far = Math.hypot(x - event.offsetX, y - event.offsetY);
    if (far < near.far) Object.assign(near, { song, far });
  }
  if (near.song) play(near.song);
});
more.addEventListener("click", () => {
  length += PAGE;
  fill();
});
for (const field of [sort, group, find]) field?.addEventListener("input", choose);
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
addEventListener("resize", draw);
choose();
