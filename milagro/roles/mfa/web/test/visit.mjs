// The shipped client, driven by another process: each line of standard input is a call, [method, argument ..] as JSON, and
// each line of standard output what came of it. Used by tests/roles/web/test_client.py against real servers. What a
// browser's IndexedDB does, fake-indexeddb does here.

import "fake-indexeddb/auto";
import { createInterface } from "node:readline";
import { Client, IndexedDbVault, refusalOf } from "../dist/milagro-client.js";

const [origin] = process.argv.slice(2);
const patience = { answer: 1, overall: 2.5, linger: 0.7 };
let told = [];
const client = new Client({ origin, vault: new IndexedDbVault(), patience, tell: (fault) => told.push(fault) });

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
