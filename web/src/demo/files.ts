/** Files: chosen by a dialogue, dropped anywhere on the page, or pasted. Of one, its song; of several, a library. */

import { songsOfEntries, songsOfFiles, type Song } from "../sdk/index.ts";
import { byId } from "./dom.ts";

/**
 * Hand out what was given.
 *
 * @param hear takes a file by itself.
 * @param gather takes the songs of a folder, or of several files; there may be none among them.
 */
export function acceptFiles(hear: (file: File) => void, gather: (songs: Song[]) => void): void {
  const input = byId<HTMLInputElement>("file");
  const folder = byId<HTMLInputElement>("folder");
  const veil = byId("drop");
  const take = (files: readonly File[]) => {
    const [file] = files;
    if (file) files.length > 1 ? gather(songsOfFiles(files)) : hear(file);
  };
  input.addEventListener("change", () => {
    take([...(input.files ?? [])]);
    // The same file may be chosen again.
    input.value = "";
  });
  folder.addEventListener("change", () => {
    gather(songsOfFiles(folder.files ?? []));
    folder.value = "";
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
    // Both are empty once this event is over.
    const files = [...(event.dataTransfer?.files ?? [])];
    const entries = [...(event.dataTransfer?.items ?? [])].flatMap((item) => item.webkitGetAsEntry() ?? []);
    if (entries.some((entry) => entry.isDirectory)) void songsOfEntries(entries).then(gather);
    else take(files);
  });
  addEventListener("paste", (event) => take([...(event.clipboardData?.files ?? [])]));
}
