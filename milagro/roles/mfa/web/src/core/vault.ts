// Where a device keeps what it needs between visits. The browser's form is in vault_idb.ts.

import type { ClientKey } from "./client_key.ts";
import type { NetworkAnswer } from "./messages.ts";
import type { Octets } from "./octets.ts";

/** What a device knows of its enrolment. Secret: token. */
export interface DeviceRecord {
  origin: string;
  serverName: string;
  relyingParty: string;
  slotSeconds: number;
  user: string;
  device: string;
  network: string;
  keyId: Octets;
  token: Octets;
}

/** The permit of one slot, under one key. Not secret: it is of no use without the token. */
export interface PermitRecord {
  slot: number;
  keyId: Octets;
  permit: Octets;
}

/** A user's device in this browser. */
export interface Account {
  user: string;
  device: string;
  enrolled: boolean;
}

/** One device. Each method is one step: done whole and durable, or not at all. */
export interface Slot {
  /** The client key; made and stored if there is none. */
  key(): Promise<ClientKey>;
  record(): Promise<DeviceRecord | null>;
  keep(record: DeviceRecord): Promise<void>;
  /** The enrolment under the network's next key, which no login has proved yet. */
  waiting(): Promise<DeviceRecord | null>;
  keepWaiting(record: DeviceRecord | null): Promise<void>;
  /** Puts what waits in the place of the enrolment. */
  moveOver(record: DeviceRecord): Promise<void>;
  permit(): Promise<PermitRecord | null>;
  keepPermit(permit: PermitRecord): Promise<void>;
  network(): Promise<NetworkAnswer | null>;
  keepNetwork(network: NetworkAnswer): Promise<void>;
}

export interface Vault {
  accounts(): Promise<Account[]>;
  slot(user: string, device: string): Slot;
  /** Where an enrolment is under way: apart from a device of these names that there may be already. */
  pending(user: string, device: string): Slot;
  /** Puts what is under way in the place of the device, with its record, in one step. */
  adopt(user: string, device: string, record: DeviceRecord): Promise<void>;
  forget(user: string, device: string): Promise<void>;
}
