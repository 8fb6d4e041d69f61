/** "A whole library": songs of a folder, one after another, with what is kept of them between visits. */

import {
  analyseLibrary,
  csvOf,
  openStore,
  SentioError,
  wordsOf,
  type KeptStore,
  type LibraryProgress,
  type Row,
  type SentioModel,
  type Song,
} from "../sdk/index.ts";
import { byId, saveText } from "./dom.ts";
import { signed } from "./words.ts";

/** Rows that are shown; all of them are in the CSV file. */
const SHOWN = 8;

/** The page's part for libraries. */
export class Library {
  readonly #opened: Promise<SentioModel>;
  readonly #store: Promise<KeptStore>;
  readonly #cancel = byId<HTMLButtonElement>("library-cancel");
  readonly #save = byId<HTMLButtonElement>("library-save");
  readonly #forget = byId<HTMLButtonElement>("library-forget");
  readonly #bar = byId<HTMLProgressElement>("library-progress");
  readonly #error = byId("library-error");
  readonly #state = byId("library-state");
  readonly #table = byId("library-rows");
  #running: AbortController | null = null;

  constructor(opened: Promise<SentioModel>) {
    this.#opened = opened;
    this.#store = openStore("library");
    this.#cancel.addEventListener("click", () => this.#running?.abort());
    this.#save.addEventListener("click", () => this.#guard(async () => this.#hand(await (await this.#store).all())));
    this.#forget.addEventListener("click", () =>
      this.#guard(async () => {
        await (await this.#store).clear();
        await this.#tell();
      }),
    );
    this.#guard(() => this.#tell());
  }

  /** Analyse these songs, after ending what went on before. */
  async analyse(songs: Song[]): Promise<void> {
    this.#running?.abort();
    const mine = (this.#running = new AbortController());
    byId("library").scrollIntoView({ block: "nearest" });
    await this.#guard(async () => {
      if (!songs.length) throw new NoSongs();
      this.#busy(true);
      try {
        const [model, store] = await Promise.all([this.#opened, this.#store]);
        await analyseLibrary({
          songs,
          store,
          model: model.manifest.files.get(model.artifact.path)?.sha256 ?? "",
          predict: (sound, song, signal) => model.predict(sound, { name: song.path, ...(signal ? { signal } : {}) }),
          progress: (now) => this.#running === mine && this.#show(now),
          signal: mine.signal,
        });
      } catch (error) {
        if (!mine.signal.aborted) throw error;
      } finally {
        if (this.#running === mine) {
          this.#running = null;
          this.#busy(false);
          await this.#tell(mine.signal.aborted);
        }
      }
    });
  }

  #busy(on: boolean): void {
    this.#bar.hidden = this.#cancel.hidden = !on;
    if (on) {
      this.#bar.removeAttribute("value");
      this.#error.hidden = true;
      this.#state.textContent = "Looking through the folder";
    }
  }

  #show({ done, faults, total, secondsLeft, row }: LibraryProgress): void {
    this.#bar.max = total;
    this.#bar.value = done;
    const left = secondsLeft === null ? "" : `, about ${duration(secondsLeft)} left`;
    this.#state.textContent = `${counted(done, total, faults)}${left}`;
    if (!row) return;
    this.#table.prepend(this.#line(row));
    while (this.#table.children.length > SHOWN) this.#table.lastElementChild?.remove();
    this.#table.parentElement!.hidden = false;
  }

  /**
   * What is kept, of this visit and of those before it.
   *
   * @param stopped a run was stopped before its end: between two songs, no row says so.
   */
  async #tell(stopped = false): Promise<void> {
    const rows = await (await this.#store).all();
    const done = rows.filter(({ answer, fault }) => answer ?? fault);
    const faults = done.filter(({ fault }) => fault !== null).length;
    this.#save.hidden = this.#forget.hidden = !done.length;
    this.#table.replaceChildren(...done.slice(-SHOWN).reverse().map((row) => this.#line(row)));
    this.#table.parentElement!.hidden = !done.length;
    const open = stopped || rows.length > done.length ? " Choose the folder again to go on." : "";
    this.#state.textContent = done.length ? `${counted(done.length, 0, faults)} kept on this device.${open}` : "";
  }

  #line({ path, answer, fault }: Row): HTMLTableRowElement {
    const line = document.createElement("tr");
    const halfWidth = answer && halves(answer);
    const words = answer ? wordsOf(answer.valence, answer.arousal, halfWidth, answer.silent) : (fault ?? "").replace(`${path}: `, "");
    const cells = [path, words, answer ? signed(answer.valence) : "", answer ? signed(answer.arousal) : ""];
    line.append(
      ...cells.map((text) => {
        const cell = document.createElement("td");
        // Names may run from right to left.
        cell.dir = "auto";
        cell.textContent = text;
        return cell;
      }),
    );
    line.classList.toggle("fault", fault !== null);
    return line;
  }

  #hand(rows: readonly Row[]): void {
    saveText("library.csv", csvOf(rows), "text/csv");
  }

  async #guard(task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      const known = error instanceof SentioError || error instanceof NoSongs;
      if (!known) console.error(error);
      this.#error.textContent = known ? `${error.message}.` : "This page has a fault. Load it again.";
      this.#error.hidden = false;
    }
  }
}

class NoSongs extends Error {
  override readonly message = "No song was found there; give a folder with wav, flac, ogg, mp3 or m4a files";
}

function counted(done: number, total: number, faults: number): string {
  const of = total ? ` of ${total.toLocaleString("en")}` : "";
  return `${done.toLocaleString("en")}${of} song${(total || done) === 1 ? "" : "s"}${faults ? `, ${faults.toLocaleString("en")} of them cannot be used` : ""}`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 360) / 10} h`;
}

/** The half widths that an answer's own interval had, as far as the ends of the scale did not cut it. */
function halves(answer: NonNullable<Row["answer"]>): [number, number] | null {
  const half = (value: number, low: number | null, high: number | null) =>
    low === null || high === null ? null : Math.max(value - low, high - value);
  const found = [
    half(answer.valence, answer.valence_low, answer.valence_high),
    half(answer.arousal, answer.arousal_low, answer.arousal_high),
  ];
  return found[0] === null || found[1] === null ? null : (found as [number, number]);
}
