const NAME = "beseda";
const SHELF = "outbox";
const VERSION = 1;
/** A disk that does not answer in this time is done without. */
const OPEN_MS = 1_000;

/**
 * Keeps unsaved messages where a closed tab cannot lose them: IndexedDB, or memory where there is none.
 *
 * Nothing here throws: a full or forbidden disk must not keep anybody from talking. `durable` says which it is.
 */
export async function openStore(factory = globalThis.indexedDB) {
  const database = await open(factory);
  return database ? new DiskStore(database) : new MemoryStore();
}

class MemoryStore {
  durable = false;
  #entries = new Map();

  async all(user) {
    return [...this.#entries.values()].filter((entry) => entry.user === user);
  }

  async put(entry) {
    this.#entries.set(`${entry.user} ${entry.cid}`, entry);
  }

  async delete({ user, cid }) {
    this.#entries.delete(`${user} ${cid}`);
  }
}

class DiskStore {
  durable = true;
  #database;

  constructor(database) {
    this.#database = database;
  }

  async all(user) {
    return (await this.#run("readonly", (shelf) => shelf.index("user").getAll(user))) ?? [];
  }

  async put(entry) {
    await this.#run("readwrite", (shelf) => shelf.put(entry));
  }

  async delete({ user, cid }) {
    await this.#run("readwrite", (shelf) => shelf.delete([user, cid]));
  }

  #run(mode, act) {
    return new Promise((resolve) => {
      try {
        const transaction = this.#database.transaction(SHELF, mode);
        const request = act(transaction.objectStore(SHELF));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = transaction.onerror = () => this.#failed(resolve);
      } catch {
        this.#failed(resolve);
      }
    });
  }

  #failed(resolve) {
    this.durable = false;
    resolve(undefined);
  }
}

function open(factory) {
  return new Promise((resolve) => {
    if (!factory) {
      resolve(null);
      return;
    }
    setTimeout(() => resolve(null), OPEN_MS);
    try {
      const request = factory.open(NAME, VERSION);
      request.onupgradeneeded = () => {
        const shelf = request.result.createObjectStore(SHELF, { keyPath: ["user", "cid"] });
        shelf.createIndex("user", "user");
      };
      request.onsuccess = () => {
        // Another tab with a newer page must be able to change the shelf.
        request.result.onversionchange = () => request.result.close();
        resolve(request.result);
      };
      request.onerror = request.onblocked = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
}
