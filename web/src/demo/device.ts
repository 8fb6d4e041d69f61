/** "Check this device": golden vectors and latency, measured where they matter. */

import { SentioError, type DeviceCheck, type SentioModel } from "../sdk/index.ts";
import { byId, facts, saveJson } from "./dom.ts";
import { milliseconds } from "./words.ts";

/** Make the button of index.html work. */
export function offerCheck(opened: Promise<SentioModel>): void {
  const button = byId<HTMLButtonElement>("check");
  const save = byId<HTMLButtonElement>("check-save");
  const progress = byId<HTMLProgressElement>("check-progress");
  const error = byId("check-error");
  let last: DeviceCheck | null = null;

  button.addEventListener("click", async () => {
    button.disabled = true;
    error.hidden = save.hidden = true;
    byId("check-verdict").textContent = "";
    byId("check-facts").replaceChildren();
    progress.hidden = false;
    progress.removeAttribute("value");
    try {
      const model = await opened;
      last = await model.checkDevice({
        progress: (done, of) => {
          progress.max = of;
          progress.value = done;
        },
      });
      report(last);
      save.hidden = false;
    } catch (failure) {
      error.textContent = failure instanceof SentioError ? failure.message : `The check stopped: ${String(failure)}`;
      error.hidden = false;
    } finally {
      progress.hidden = true;
      button.disabled = false;
    }
  });
  save.addEventListener("click", () => last && saveJson("device-check.json", last));
}

function report({ golden, latency, browser, loadMs }: DeviceCheck): void {
  byId("check-verdict").textContent = golden.passed
    ? `This device answers as it should: at most ${golden.worst.toExponential(1)} off.`
    : `This device answers wrongly: up to ${golden.worst.toExponential(1)} off, where ${golden.tolerance} is allowed. Do not trust its answers.`;
  facts(byId("check-facts"), [
    ["Half of answers within", milliseconds(latency.p50)],
    ["9 of 10 within", milliseconds(latency.p90)],
    ["99 of 100 within", milliseconds(latency.p99)],
    ["Timed runs", String(latency.runs)],
    ["Loading took", milliseconds(loadMs)],
    ["Threads", `${browser.threads} of ${browser.cores}`],
  ]);
}
