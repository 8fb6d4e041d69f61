/** The songs of a folder that was dropped or chosen. */

import { isSong, type Song } from "./analyse.ts";

/** Folders below each other that are looked into. */
const DEEPEST = 32;

/** A file of the browser as a song of a library. */
export function songOf(file: File, path: string): Song {
  return { path, bytes: file.size, modified: file.lastModified, open: async () => file };
}

/** The songs among files that were chosen, a folder's or several, by path. */
export function songsOfFiles(files: Iterable<File>): Song[] {
  return sorted([...files].filter(({ name }) => isSong(name)).map((file) => songOf(file, file.webkitRelativePath || file.name)));
}

/** The songs of what was dropped, folders within folders included, by path. What cannot be read is passed over. */
export async function songsOfEntries(entries: Iterable<FileSystemEntry>): Promise<Song[]> {
  const found: Song[] = [];
  const waiting: [entry: FileSystemEntry, depth: number][] = [...entries].map((entry) => [entry, 0]);
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [entry, depth] = next;
    const path = entry.fullPath.replace(/^\/+/, "");
    if (entry.isDirectory && depth < DEEPEST) {
      for (const child of await children(entry as FileSystemDirectoryEntry)) waiting.push([child, depth + 1]);
    } else if (entry.isFile && isSong(entry.name)) {
      const file = await new Promise<File | null>((resolve) => (entry as FileSystemFileEntry).file(resolve, () => resolve(null)));
      if (file) found.push(songOf(file, path));
    }
  }
  return sorted(found);
}

/** A reader gives a hundred or so at a time, until it gives none. */
async function children(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const found: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return found;
    found.push(...some);
  }
}

/** By path, and of one path the first: two folders that were dropped together may have it both. */
function sorted(songs: Song[]): Song[] {
  const byPath = new Map<string, Song>();
  for (const song of songs) if (!byPath.has(song.path)) byPath.set(song.path, song);
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
