// What the shipped client reads out of documents that another implementation wrote: each line of standard input is one, as
// JSON with octets in hexadecimal, each line of standard output what is in it. Used by tests/roles/web/test_documents.py.

import { createInterface } from "node:readline";
import * as milagro from "../dist/milagro-client.js";

const octets = (text) => new Uint8Array(Buffer.from(text, "hex"));

async function read({ envelope, key, point, sender, context, bundle }) {
  if (bundle !== undefined) return (await milagro.rely(octets(bundle))).keys.map(({ id }) => milagro.hex(id)).sort();
  const keys = [await milagro.EncryptionKey.of(octets(key), octets(point))];
  const known = new milagro.VerifyingKey(octets(sender));
  const senders = new Map([[milagro.hex(known.envelopeId), known]]);
  return milagro.hex(await milagro.openEnvelope(octets(envelope), { keys, senders, context }));
}

for await (const line of createInterface({ input: process.stdin })) {
  const outcome = await read(JSON.parse(line)).then((done) => ({ done }), (error) => ({ refused: milagro.codeOf(error) }));
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
process.exit(0);
