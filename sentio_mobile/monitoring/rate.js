"use strict";
// One song at a time: two sliders, and keys for all of it.
const [sound, next, fault, progress, task] = ["sound", "next", "fault", "progress", "task"].map((id) => document.getElementById(id));
const sliders = { valence: document.getElementById("valence"), arousal: document.getElementById("arousal") };
const HEARD_S = 30; // what a model hears
let number = null;
let busy = false;

function touch(slider) {
  slider.classList.remove("untouched");
  next.disabled = busy || Object.values(sliders).some((one) => one.classList.contains("untouched"));
}

function show(state) {
  progress.textContent = `${state.rated} of ${state.of} rated`;
  number = state.number;
  if (number === null) {
    sound.pause();
    const thanks = document.createElement("p");
    thanks.textContent = "That was the last one. Thank you! You can close this page.";
    task.replaceChildren(thanks);
    return;
  }
  for (const slider of Object.values(sliders)) {
    slider.value = 0;
    slider.classList.add("untouched");
  }
  next.disabled = true;
  sound.src = `/sound/${number}`;
  sound.play().catch(() => {}); // a browser may wait for the first click
}

async function ask(path, body) {
  const request = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, request);
  if (!answer.ok) throw new Error("it was not kept; look at the terminal");
  return answer.json();
}

async function rate() {
  if (next.disabled || busy) return;
  busy = next.disabled = true;
  fault.textContent = "";
  try {
    const state = await ask("/rate", { number, valence: Number(sliders.valence.value), arousal: Number(sliders.arousal.value) });
    busy = false;
    show(state);
  } catch (error) {
    busy = false;
    next.disabled = false;
    fault.textContent = `No rating was kept: ${error.message}.`;
  }
}

function move(slider, steps) {
  if (steps > 0) slider.stepUp(steps);
  if (steps < 0) slider.stepDown(-steps);
  touch(slider);
}

const keys = {
  ArrowLeft: () => move(sliders.valence, -2),
  ArrowRight: () => move(sliders.valence, 2),
  ArrowDown: () => move(sliders.arousal, -2),
  ArrowUp: () => move(sliders.arousal, 2),
  0: () => Object.values(sliders).forEach((slider) => ((slider.value = 0), touch(slider))),
  " ": () => (sound.paused ? sound.play() : sound.pause()),
  Enter: rate,
};
addEventListener("keydown", (event) => {
  if (number === null || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  // The player, a slider and the button have keys of their own.
  if (event.target === sound || (event.target === next && event.key === " ")) return;
  if (event.target.type === "range" && event.key.startsWith("Arrow")) return;
  event.preventDefault();
  keys[event.key]();
});
for (const slider of Object.values(sliders)) slider.addEventListener("input", () => touch(slider));
next.addEventListener("click", rate);
sound.addEventListener("timeupdate", () => {
  if (sound.currentTime >= HEARD_S) sound.pause();
});
sound.addEventListener("error", () => {
  if (number !== null) fault.textContent = "This browser cannot play this song: convert it to MP3 or WAV, and start again.";
});
ask("/state").then(show);
