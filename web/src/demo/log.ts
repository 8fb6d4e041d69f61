/** A log of answers that is kept on this device, if somebody asks for one: never the sound, and no names. */

import { reason } from "../sdk/errors.ts";
import { BrowserError, type Emotion, type SentioModel } from "../sdk/index.ts";
import { byId, saveText } from "./dom.ts";

/** Where the choice is kept; the lines are in IndexedDB. */
const CHOICE = "sentio log";
const TABLE = "lines";

/** The level that silence is told as, in dB, and digits of the hash that stands for a song. As in Python. */
const [LOWEST, DIGITS] = [-100, 32];

/** Sound whose level is told. */
export interface Heard {
  readonly pcm: Float32Array;
  readonly sampleRate: number;
}

/** The switch, the buttons, and the lines, which `sentio-mobile monitor` reads. */
export class Log {
  readonly #switch = byId<HTMLInputElement>("log-keep");
  readonly #save = byId<HTMLButtonElement>("log-save");
  readonly #forget = byId<HTMLButtonElement>("log-forget");
  readonly #state = byId("log-state");
  #database: Promise<IDBDatabase> | null = null;
  #model: Promise<{ model: string; model_sha256: string }> | null = null;

  constructor() {
    this.#switch.checked = kept() === "on";
    this.#switch.addEventListener("change", () =>
      this.#guard(async () => {
        localStorage.setItem(CHOICE, this.#switch.checked ? "on" : "off");
        await this.#tell();
      }),
    );
    this.#save.addEventListener("click", () => this.#guard(async () => saveText("log.jsonl", `${(await this.#lines()).join("\n")}\n`, "application/jsonl")));
    this.#forget.addEventListener("click", () =>
      this.#guard(async () => {
        await this.#ask("readwrite", (table) => table.clear());
        await this.#tell();
      }),
    );
    // A page on which nobody ever asked for a log opens no place for one.
    if (kept() !== null) void this.#guard(() => this.#tell());
  }

  /**
   * Keep the answer for a song, if a log is wanted.
   *
   * @param file the song, of which its hash is kept.
   * @param heard its sound, of which its level is kept; `null` where it is not at hand.
   */
  async add(model: SentioModel, answer: Emotion, file: Blob, heard: Heard | null): Promise<void> {
    if (!this.#switch.checked) return;
    await this.#guard(async () => {
      this.#model ??= named(model);
      const value = answer.toJSON();
      const seconds = value.end - value.start;
      const line = {
        date: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
        song: (await hash(await file.arrayBuffer())).slice(0, DIGITS),
        start: value.start,
        end: value.end,
        // A quantized model may go past the end of the scale by a rounding step.
        valence: clipped(value.valence),
        arousal: clipped(value.arousal),
        valence_low: value.valence_low,
        valence_high: value.valence_high,
        arousal_low: value.arousal_low,
        arousal_high: value.arousal_high,
        silent: value.silent,
        input_level: heard && level(heard.pcm.subarray(0, Math.round(seconds * heard.sampleRate))),
        ...(await this.#model),
      };
      await this.#ask("readwrite", (table) => table.add(JSON.stringify(line)));
      await this.#tell();
    });
  }

  async #tell(): Promise<void> {
    const count = (await this.#ask("readonly", (table) => table.count())) as number;
    this.#save.hidden = this.#forget.hidden = count === 0;
    const off = this.#switch.checked ? "" : " Nothing is added to it now.";
    this.#state.textContent = count ? `${count.toLocaleString("en")} answer${count === 1 ? "" : "s"} kept on this device.${off}` : "";
  }

  async #lines(): Promise<string[]> {
    return (await this.#ask("readonly", (table) => table.getAll())) as string[];
  }

  async #ask(mode: IDBTransactionMode, request: (table: IDBObjectStore) => IDBRequest): Promise<unknown> {
    this.#database ??= opened();
    const database = await this.#database;
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(TABLE, mode);
      const asked = request(transaction.objectStore(TABLE));
      // A request that succeeded may still be undone with its transaction.
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onabort = transaction.onerror = () => reject(lost(transaction.error ?? asked.error));
    });
  }

  async #guard(task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#database = null;
      this.#state.textContent = `${lost(error).message}.`;
    }
  }
}

function kept(): string | null {
  try {
    return localStorage.getItem(CHOICE);
  } catch {
    return null; // a browser that keeps nothing
  }
}

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("sentio log", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE, { autoIncrement: true });
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(lost(opening.error));
  });
}

function lost(error: unknown): BrowserError {
  if (error instanceof BrowserError) return error;
  return new BrowserError(`The log was not kept (${reason(error)}); leave private browsing, or free some space`);
}

/** Name and hash of the bundle that the model is from: of the one that an app's was trimmed from. */
async function named(model: SentioModel): Promise<{ model: string; model_sha256: string }> {
  const bytes = await (await fetch(new URL("sentio/manifest.json", document.baseURI))).arrayBuffer();
  const manifest = JSON.parse(new TextDecoder().decode(bytes)) as { trimmed_from?: { manifest_sha256?: string } | null };
  return {
    model: `${model.manifest.name} ${model.manifest.release}`,
    model_sha256: manifest.trimmed_from?.manifest_sha256 ?? (await hash(bytes)),
  };
}

async function hash(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Root mean square in dB of full scale. */
function level(pcm: Float32Array): number {
  let power = 0;
  for (const sample of pcm) power += sample * sample;
  const db = power > 0 ? 10 * Math.log10(power / pcm.length) : LOWEST;
  return Math.round(Math.max(LOWEST, db) * 100) / 100;
}

function clipped(value: number): number {
  return Math.max(-1, Math.min(1, value));
}
