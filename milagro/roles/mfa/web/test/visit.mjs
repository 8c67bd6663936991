// The shipped client, driven by another process: each line of standard input is a call, [method, argument ..] as JSON, and
// each line of standard output what came of it. Used by tests/roles/web/test_client.py against real servers. What a
// browser's IndexedDB does, fake-indexeddb does here.

import "fake-indexeddb/auto";
import { createInterface } from "node:readline";
import { Client, IndexedDbVault, refusalOf } from "../dist/milagro-client.js";

const [origin, overall] = process.argv.slice(2);
const patience = { answer: 10, overall: Number(overall), linger: 0.7 };
let told = [];
const vault = new IndexedDbVault();
const client = new Client({ origin, vault, patience, tell: (fault) => told.push(fault) });

/** A login for another address with all that this device has: what a look-alike could bring a whole copy of a device to do. */
client.loginAt = (other, ...rest) => {
  const copied = (slot) => ({ ...bound(slot), record: async () => ({ ...(await slot.record()), origin: other }) });
  return new Client({ origin: other, vault: { slot: (...names) => copied(vault.slot(...names)) }, patience }).login(...rest);
};

function bound(slot) {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(slot)).filter((name) => name !== "constructor");
  return Object.fromEntries(names.map((name) => [name, slot[name].bind(slot)]));
}

for await (const line of createInterface({ input: process.stdin })) {
  const [method, ...rest] = JSON.parse(line);
  told = [];
  let outcome;
  try {
    outcome = { done: (await client[method](...rest)) ?? null };
  } catch (error) {
    outcome = { refused: refusalOf(error), message: String(error.message) };
  }
  process.stdout.write(`${JSON.stringify({ ...outcome, told })}\n`);
}
process.exit(0);
