// Drives the shipped client from Node.js: reads steps as JSON from standard input, writes what came of each. Used by
// tests/roles/web/test_client.py against real servers. What a browser's IndexedDB does, fake-indexeddb does here.

import "fake-indexeddb/auto";
import { Client, IndexedDbVault, refusalOf } from "../dist/milagro-client.js";

let input = "";
for await (const piece of process.stdin) input += piece;
const { origin, steps, patience } = JSON.parse(input);
const told = [];
const vault = new IndexedDbVault();
const client = new Client({ origin, vault, tell: (fault) => told.push(fault), ...(patience ? { patience } : {}) });
const outcomes = [];
for (const [method, ...rest] of steps) {
  try {
    outcomes.push({ done: (await client[method](...rest)) ?? null });
  } catch (error) {
    outcomes.push({ refused: refusalOf(error), message: String(error.message) });
  }
}
process.stdout.write(JSON.stringify({ outcomes, told }));
process.exit(0);
