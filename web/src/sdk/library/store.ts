/** Rows in IndexedDB: they outlast the page, and the browser. */

import { BrowserError, reason } from "../errors.ts";
import type { Row, Store } from "./analyse.ts";

const TABLE = "songs";

/** A store of one library. */
export interface KeptStore extends Store {
  /** Forget everything. */
  clear(): Promise<void>;
  close(): void;
}

/**
 * Open a store.
 *
 * @param name tells libraries apart.
 * @throws BrowserError the browser keeps nothing, as in some private windows, or its disk is full.
 */
export async function openStore(name: string): Promise<KeptStore> {
  const opening = attempt(() => indexedDB.open(`sentio ${name}`, 1));
  opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE, { keyPath: "path" });
  const database = await settled(opening);
  async function ask<T>(mode: IDBTransactionMode, request: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const transaction = attempt(() => database.transaction(TABLE, mode));
    const asked = request(transaction.objectStore(TABLE));
    // A request that succeeded may still be undone with its transaction.
    const complete = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = transaction.onerror = () => reject(lost(transaction.error ?? asked.error));
    });
    await complete;
    return asked.result;
  }
  return {
    put: async (row) => void (await ask("readwrite", (table) => table.put(row))),
    all: () => ask("readonly", (table) => table.getAll() as IDBRequest<Row[]>),
    clear: async () => void (await ask("readwrite", (table) => table.clear())),
    close: () => database.close(),
  };
}

function attempt<T>(task: () => T): T {
  try {
    return task();
  } catch (error) {
    throw lost(error);
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(lost(request.error));
  });
}

function lost(error: unknown): BrowserError {
  return new BrowserError(`The browser keeps no results (${reason(error)}); leave private browsing, or free some space`);
}
