// What is kept, and how it goes from one state to the next.

import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { test } from "node:test";
import { IndexedDbVault } from "../dist/milagro-client.js";

const octets = (...values) => new Uint8Array(values);
const record = (changes = {}) => ({
  origin: "https://login.example", serverName: "login.example", relyingParty: "example", slotSeconds: 3600,
  user: "alice", device: "browser", network: "b", keyId: octets(1), token: octets(1, 2, 3), ...changes,
});

let count = 0;
const fresh = () => `vault-${++count}`;

function rows(name) {
  return new Promise((resolve) => {
    indexedDB.open(name).onsuccess = ({ target }) => {
      target.result.transaction("devices").objectStore("devices").getAll().onsuccess = (event) => resolve(event.target.result);
    };
  });
}

function put(name, row) {
  return new Promise((resolve) => {
    indexedDB.open(name).onsuccess = ({ target }) => {
      const transaction = target.result.transaction("devices", "readwrite");
      transaction.objectStore("devices").put(row);
      transaction.oncomplete = resolve;
    };
  });
}

test("an enrolment is no device before it is adopted, and takes the place of one of the same names", async () => {
  const name = fresh();
  const vault = new IndexedDbVault(name);
  const first = await vault.pending("alice", "browser").key();
  assert.deepEqual((await new IndexedDbVault(name).pending("alice", "browser").key()).publicKey, first.publicKey);
  assert.deepEqual((await vault.accounts()).filter(({ enrolled }) => enrolled), []);
  await vault.adopt("alice", "browser", record());
  assert.deepEqual((await vault.slot("alice", "browser").key()).publicKey, first.publicKey);
  const second = await vault.pending("alice", "browser").key();
  assert.notDeepEqual(second.publicKey, first.publicKey);
  assert.deepEqual((await vault.slot("alice", "browser").record()).token, octets(1, 2, 3));
  await vault.adopt("alice", "browser", record({ token: octets(9) }));
  assert.deepEqual((await vault.slot("alice", "browser").record()).token, octets(9));
  assert.deepEqual((await vault.slot("alice", "browser").key()).publicKey, second.publicKey);
  assert.equal((await rows(name)).length, 1);
  await vault.forget("alice", "browser");
  assert.equal((await rows(name)).length, 0);
});

test("the token is sealed, and bound to everything beside it", async () => {
  const name = fresh();
  const vault = new IndexedDbVault(name);
  await vault.adopt("alice", "browser", record({ token: octets(...Array(64).fill(7)) }));
  const [row] = await rows(name);
  assert.equal(row.sealing.extractable || row.client.privateKey.extractable, false);
  assert.ok(!Buffer.from(row.record.token).includes(Buffer.alloc(16, 7)));
  for (const [field, value] of Object.entries({ origin: "https://evil.example", user: "bob", keyId: octets(2), slotSeconds: 60 })) {
    await put(name, { ...row, record: { ...row.record, about: { ...row.record.about, [field]: value } } });
    await assert.rejects(vault.slot("alice", "browser").record(), { code: "no-storage" }, field);
  }
  await put(name, row);
  assert.equal((await vault.slot("alice", "browser").record()).user, "alice");
});

test("what waits for its first login is put in the place of the token in one step", async () => {
  const vault = new IndexedDbVault(fresh());
  await vault.adopt("alice", "browser", record());
  const slot = vault.slot("alice", "browser");
  await slot.keepWaiting(record({ keyId: octets(2) }));
  assert.deepEqual([(await slot.record()).keyId, (await slot.waiting()).keyId], [octets(1), octets(2)]);
  await slot.moveOver(await slot.waiting());
  assert.deepEqual([(await slot.record()).keyId, await slot.waiting()], [octets(2), null]);
  await slot.keepPermit({ slot: 5, keyId: octets(2), permit: octets(4) });
  assert.equal((await slot.permit()).slot, 5);
});
