/** Files: chosen by a dialogue, dropped anywhere on the page, or pasted. */

import { byId } from "./dom.ts";

/** Hand each file to `hear`; of several, the first. */
export function acceptFiles(hear: (file: File) => void): void {
  const input = byId<HTMLInputElement>("file");
  const veil = byId("drop");
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    if (file) hear(file);
    // The same file may be chosen again.
    input.value = "";
  });
  const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    // Leaving one element for another is no leaving.
    if (!event.relatedTarget) veil.hidden = true;
  });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    veil.hidden = true;
    const [file] = event.dataTransfer?.files ?? [];
    if (file) hear(file);
  });
  addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (file) hear(file);
  });
}
