// The vault of a browser: IndexedDB. The token is sealed under an AES-256-GCM key that WebCrypto will not export, and the client
// key is a P-256 key of the same kind, so neither can be read off the disk by way of the page, nor sent away by a script.

import { type ClientKey, WebCryptoKey } from "./client_key.ts";
import { Fault } from "./fault.ts";
import type { NetworkAnswer } from "./messages.ts";
import { frame, type Octets, random, utf8 } from "./octets.ts";
import type { Account, DeviceRecord, PermitRecord, Slot, Vault } from "./vault.ts";

const NAME = "milagro-mfa";
const VERSION = 1;
const DEVICES = "devices";

interface Sealed {
  about: Omit<DeviceRecord, "token">;
  nonce: Octets;
  token: Octets;
}

/** One row: all that there is of a device. */
interface Row {
  id: string;
  user: string;
  device: string;
  client: CryptoKeyPair;
  sealing: CryptoKey;
  record: Sealed | null;
  waiting: Sealed | null;
  permit: PermitRecord | null;
  network: NetworkAnswer | null;
}

function idOf(user: string, device: string, pending = false): string {
  return JSON.stringify(pending ? [user, device, "pending"] : [user, device]);
}

/** The devices of this origin in this browser. */
export class IndexedDbVault implements Vault {
  private readonly name: string;
  private opening: Promise<IDBDatabase> | null = null;
  constructor(name: string = NAME) {
    this.name = name;
  }

  async accounts(): Promise<Account[]> {
    const rows = await this.transact<Row[]>("readonly", (store) => store.getAll());
    return rows.map(({ user, device, record }) => ({ user, device, enrolled: record !== null }));
  }

  slot(user: string, device: string): Slot {
    return new IndexedDbSlot(this, user, device);
  }

  pending(user: string, device: string): Slot {
    return new IndexedDbSlot(this, user, device, true);
  }

  async adopt(user: string, device: string, record: DeviceRecord): Promise<void> {
    const slot = new IndexedDbSlot(this, user, device, true);
    const row = { ...(await slot.made()), id: idOf(user, device), record: await slot.sealed(record) };
    await this.transact("readwrite", (store) => {
      store.delete(idOf(user, device, true));
      return store.put(row);
    });
  }

  async forget(user: string, device: string): Promise<void> {
    await this.transact("readwrite", (store) => store.delete(idOf(user, device)));
  }

  async row(id: string): Promise<Row | null> {
    return (await this.transact<Row | undefined>("readonly", (store) => store.get(id))) ?? null;
  }

  /** Changes a row in one transaction, durable on return. */
  async change(id: string, fields: Partial<Row>): Promise<void> {
    const database = await this.open();
    await new Promise<void>((resolve, reject) => {
      const transaction = database.transaction(DEVICES, "readwrite", { durability: "strict" });
      const store = transaction.objectStore(DEVICES);
      const reading = store.get(id) as IDBRequest<Row | undefined>;
      reading.onsuccess = () => {
        if (reading.result !== undefined) store.put({ ...reading.result, ...fields });
      };
      settle(transaction, resolve, reject);
    });
  }

  /** Adds a row unless there is one; what is there afterwards. */
  async add(row: Row): Promise<Row> {
    await this.transact("readwrite", (store) => store.add(row)).catch(() => undefined); // another tab was faster
    const found = await this.row(row.id);
    if (found === null) throw unavailable();
    return found;
  }

  private async transact<T = unknown>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest): Promise<T> {
    const database = await this.open();
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(DEVICES, mode, { durability: "strict" });
      const request = work(transaction.objectStore(DEVICES));
      settle(transaction, () => resolve(request.result as T), reject);
    });
  }

  private open(): Promise<IDBDatabase> {
    this.opening ??= new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(this.name, VERSION);
      request.onupgradeneeded = () => request.result.createObjectStore(DEVICES, { keyPath: "id" });
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(unavailable());
    });
    return this.opening;
  }
}

function settle(transaction: IDBTransaction, done: () => void, failed: (error: Fault) => void): void {
  transaction.oncomplete = done;
  transaction.onabort = transaction.onerror = () => failed(unavailable());
}

function unavailable(): Fault {
  return new Fault("no-storage", "this browser does not keep what a device has to keep");
}

class IndexedDbSlot implements Slot {
  private readonly vault: IndexedDbVault;
  private readonly user: string;
  private readonly device: string;
  private readonly id: string;
  constructor(vault: IndexedDbVault, user: string, device: string, pending = false) {
    this.vault = vault;
    this.user = user;
    this.device = device;
    this.id = idOf(user, device, pending);
  }

  async key(): Promise<ClientKey> {
    return WebCryptoKey.of((await this.made()).client);
  }

  async record(): Promise<DeviceRecord | null> {
    return this.opened("record");
  }

  async keep(record: DeviceRecord): Promise<void> {
    await this.vault.change(this.id, { record: await this.sealed(record) });
  }

  async waiting(): Promise<DeviceRecord | null> {
    return this.opened("waiting");
  }

  async keepWaiting(record: DeviceRecord | null): Promise<void> {
    await this.vault.change(this.id, { waiting: record === null ? null : await this.sealed(record) });
  }

  async moveOver(record: DeviceRecord): Promise<void> {
    await this.vault.change(this.id, { record: await this.sealed(record), waiting: null });
  }

  async permit(): Promise<PermitRecord | null> {
    return (await this.vault.row(this.id))?.permit ?? null;
  }

  async keepPermit(permit: PermitRecord): Promise<void> {
    await this.vault.change(this.id, { permit });
  }

  async network(): Promise<NetworkAnswer | null> {
    return (await this.vault.row(this.id))?.network ?? null;
  }

  async keepNetwork(network: NetworkAnswer): Promise<void> {
    await this.vault.change(this.id, { network });
  }

  /** The row, with fresh keys if there was none. */
  async made(): Promise<Row> {
    const found = await this.vault.row(this.id);
    if (found !== null) return found;
    const { pair } = await WebCryptoKey.generate();
    const sealing = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    const { id, user, device } = this;
    return this.vault.add({ id, user, device, client: pair, sealing, record: null, waiting: null, permit: null, network: null });
  }

  async sealed(record: DeviceRecord): Promise<Sealed> {
    const { token, ...about } = record;
    const nonce = random(12);
    const { sealing } = await this.made();
    const terms = { name: "AES-GCM", iv: nonce, additionalData: this.bound(about) };
    return { about, nonce, token: new Uint8Array(await crypto.subtle.encrypt(terms, sealing, token)) };
  }

  private async opened(which: "record" | "waiting"): Promise<DeviceRecord | null> {
    const row = await this.vault.row(this.id);
    const kept = row?.[which] ?? null;
    if (row === null || kept === null) return null;
    const terms = { name: "AES-GCM", iv: kept.nonce, additionalData: this.bound(kept.about) };
    try {
      return { ...kept.about, token: new Uint8Array(await crypto.subtle.decrypt(terms, row.sealing, kept.token)) };
    } catch {
      throw new Fault("no-storage", "what this browser kept of the device was altered");
    }
  }

  /** What is stored beside the token cannot be exchanged: it is bound into the seal. */
  private bound(about: Omit<DeviceRecord, "token">): Octets {
    const { origin, serverName, relyingParty, slotSeconds, user, device, network, keyId } = about;
    return frame("milagro mfa device v1", origin, serverName, relyingParty, utf8(String(slotSeconds)), user, device, network, keyId);
  }
}
