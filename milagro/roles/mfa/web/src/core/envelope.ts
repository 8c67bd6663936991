// Opening an envelope: from its octets to a payload that is verified, or to a Fault. Spec: spec/envelope.md
//
//   head --> slot --> commitment --> header --> signature, recipients, context --> body --> last chunk

import { decode, Fields, type Value } from "./cbor.ts";
import { decrypt, ENCRYPTION_SUITE, type EncryptionKey } from "./encryption.ts";
import { Fault } from "./fault.ts";
import { be, compare, concat, EMPTY, equal, frame, hex, hmacSha256, integer, type Octets, sha256, small, unframe, utf8 } from "./octets.ts";
import { ENVELOPE_LABEL, type Sender } from "./signatures.ts";

const PREAMBLE = 16;
const MAGIC = concat(utf8("MLGENV"), be(1, 2));
const MAX_OUTER = 1 << 23;
const MAX_HEADER = 1 << 20;
const MAX_SLOTS = 4096;
const PIECE = 65536;
const TAG = 16;

/** Who reads, from whom, in which context. Senders by the hexadecimal digits of their key ids. */
export interface Reader {
  keys: readonly EncryptionKey[];
  senders: ReadonlyMap<string, Sender>;
  context: string;
}

/** The payload, verified as a whole. */
export async function openEnvelope(octets: Uint8Array, reader: Reader): Promise<Octets> {
  const { outer, sealed, body } = split(octets);
  const slots = readOuter(outer);
  const { key, secret } = await openSlot(reader.keys, slots);
  const prk = hmacSha256(sha256(outer), secret);
  const plaintext = await decrypt(expand(prk, frame(ENVELOPE_LABEL, "header")), new Uint8Array(12), sealed, sha256(outer));
  const [header, signature] = splitHeader(plaintext);
  const told = readHeader(header);
  const sender = reader.senders.get(hex(told.sender));
  if (sender === undefined) throw new Fault("invalid-signature", "the envelope is from a sender whose key is not known");
  await sender.verify(signature, ENVELOPE_LABEL, "header", sha256(outer), header);
  checkRecipients(told.recipients, slots, key);
  if (!equal(utf8(told.context), utf8(reader.context))) {
    throw new Fault("invalid-signature", "the sender sealed this for another context");
  }
  const bodyKey = expand(prk, frame(ENVELOPE_LABEL, "body", sha256(plaintext)));
  const { payload, length, trailing } = await openBody(bodyKey, body, told.signed ? sender.signatureOctets : 0);
  if (told.signed) {
    await sender.verify(trailing, ENVELOPE_LABEL, "body", sha256(plaintext), be(length, 8), sha256(payload));
  }
  return payload;
}

/** HKDF-Expand to 32 octets: one block. */
function expand(prk: Octets, info: Octets): Octets {
  return hmacSha256(prk, concat(info, new Uint8Array([1])));
}

function split(octets: Uint8Array): { outer: Octets; sealed: Octets; body: Octets } {
  if (octets.length < PREAMBLE) throw malformed("the envelope is cut short");
  if (!equal(octets.subarray(0, 8), MAGIC)) throw malformed("this is no envelope that this release reads");
  const [outer, sealed] = [small(octets.subarray(8, 12)), small(octets.subarray(12, 16))];
  if (outer === 0 || outer > MAX_OUTER || sealed <= TAG || sealed > MAX_HEADER) {
    throw malformed("the envelope has an impossible length in its first octets");
  }
  const end = PREAMBLE + outer + sealed;
  if (octets.length < end) throw malformed("the envelope is cut short");
  return {
    outer: octets.slice(PREAMBLE, PREAMBLE + outer) as Octets,
    sealed: octets.slice(PREAMBLE + outer, end) as Octets,
    body: octets.slice(end) as Octets,
  };
}

// -- outer map --------------------------------------------------------------------------------------------------------
interface Slots {
  commitment: Octets;
  ids: Octets[]; // none in an anonymous envelope
  octets: Octets[];
}

/** Spec: spec/envelope.md#outer */
function readOuter(octets: Octets): Slots {
  const fields = new Fields(decode(octets, { octets: MAX_OUTER, items: 4 * MAX_SLOTS + 64, depth: 8 }), "the outer map");
  const suite = fields.text(0, 1, 64);
  const commitment = fields.octets(1, 32, 32);
  const entries = fields.array(2, 1, MAX_SLOTS);
  fields.finish(true);
  if (suite !== ENCRYPTION_SUITE) throw malformed("the envelope is of an encryption suite that this client does not read");
  const named = entries.filter((entry): entry is Octets[] => Array.isArray(entry));
  if (named.length !== 0 && named.length !== entries.length) throw malformed("some slots are named and some are not");
  const slots = entries.map((entry) => readSlot(entry));
  const ids = slots.flatMap(({ id }) => (id === null ? [] : [id]));
  checkAscending(ids, "the slots");
  const count = slots.length;
  if (ids.length === 0 && (count < 4 || (count & (count - 1)) !== 0)) {
    throw malformed("an anonymous envelope has a power of two of slots, at least 4");
  }
  return { commitment, ids, octets: slots.map((slot) => slot.octets) };
}

function readSlot(entry: Value): { id: Octets | null; octets: Octets } {
  if (entry instanceof Uint8Array) return { id: null, octets: entry };
  if (Array.isArray(entry) && entry.length === 2) {
    const [id, octets] = entry;
    if (id instanceof Uint8Array && id.length === 32 && octets instanceof Uint8Array) return { id, octets };
  }
  throw malformed("a slot is not an octet string, nor a key id and an octet string");
}

function checkAscending(ids: Octets[], what: string): void {
  for (let at = 1; at < ids.length; at++) {
    if (compare(ids[at - 1] as Octets, ids[at] as Octets) >= 0) {
      throw malformed(`${what} are not in the order of their key ids, or one stands twice`);
    }
  }
}

async function openSlot(keys: readonly EncryptionKey[], slots: Slots): Promise<{ key: EncryptionKey; secret: Octets }> {
  for (const key of keys) {
    for (const [at, octets] of slots.octets.entries()) {
      const id = slots.ids[at];
      if (id !== undefined && !equal(id, key.id)) continue;
      const secret = await key.openSlot(octets).catch(() => null);
      if (secret === null) continue;
      const made = hmacSha256(secret, frame(ENVELOPE_LABEL, "commitment", ENCRYPTION_SUITE));
      if (secret.length === 32 && equal(made, slots.commitment)) return { key, secret };
      break;
    }
  }
  throw new Fault("decryption-failed", "the envelope was not sealed for this key, or was altered");
}

// -- header -----------------------------------------------------------------------------------------------------------
interface Told {
  sender: Octets;
  recipients: Octets[];
  context: string;
  signed: boolean;
}

/** `length` rounded up to a multiple of 2^(E - s), E = floor(log2 length), s = floor(log2 E) + 1. Spec: spec/envelope.md#padding */
export function padme(length: number): number {
  if (length < 2) return length;
  const exponent = 31 - Math.clz32(length);
  const unit = 2 ** (exponent - (32 - Math.clz32(exponent)));
  return Math.ceil(length / unit) * unit;
}

function splitHeader(plaintext: Octets): [Octets, Octets] {
  const [header, signature] = unframe(plaintext, 3) as [Octets, Octets, Octets];
  const bare = frame(header, signature, EMPTY).length;
  const padded = frame(header, signature, new Uint8Array(padme(bare) - bare));
  if (!equal(padded, plaintext)) throw malformed("the header is padded in another way than the format says");
  return [header, signature];
}

/** Spec: spec/envelope.md#header */
function readHeader(octets: Octets): Told {
  const fields = new Fields(decode(octets, { octets: MAX_HEADER, items: MAX_SLOTS + 4096, depth: 8 }), "the header");
  const sender = fields.octets(0, 32, 32);
  const recipients = fields.array(1, 1).map((one) => {
    if (!(one instanceof Uint8Array) || one.length !== 32) throw malformed("a recipient is no key id");
    return one;
  });
  checkAscending(recipients, "the recipients");
  const context = fields.text(2, 1, 1024);
  fields.integer(3);
  const signed = fields.integer(4, 0, 1) === 1;
  if (fields.has(5)) checkPosition(fields.array(5, 3, 3));
  if (fields.has(6)) fields.text(6, 1, 255);
  fields.finish(true);
  if (!signed && recipients.length > 1) throw malformed("with several recipients the body is signed");
  return { sender, recipients, context, signed };
}

function checkPosition([channel, sequence, previous]: Value[]): void {
  const typed = typeof channel === "string" && typeof sequence === "number" && previous instanceof Uint8Array;
  if (!typed || channel === "" || utf8(channel).length > 255 || sequence < 0 || previous.length !== 32) {
    throw malformed("the position is not a channel, a number and an identifier");
  }
  if ((sequence === 0) !== equal(previous, new Uint8Array(32))) {
    throw malformed("only the first envelope of a channel has no previous one");
  }
}

function checkRecipients(recipients: Octets[], slots: Slots, key: EncryptionKey): void {
  if (!recipients.some((id) => equal(id, key.id))) {
    throw new Fault("invalid-signature", "the sender sealed this for others, not for this key");
  }
  const same = slots.ids.length === 0 || slots.ids.every((id, at) => equal(id, recipients[at] ?? EMPTY));
  if (recipients.length !== slots.octets.length || !same) {
    throw new Fault("invalid-signature", "the sender sealed this for other recipients than it is addressed to");
  }
}

// -- body -------------------------------------------------------------------------------------------------------------
interface Opened {
  payload: Octets;
  length: bigint;
  trailing: Octets;
}

/** Spec: spec/envelope.md#body */
async function openBody(key: Octets, body: Octets, signature: number): Promise<Opened> {
  const trailer = 8 + signature;
  const longestLast = PIECE + trailer + TAG;
  const pieces: Octets[] = [];
  let rest = body;
  while (rest.length > longestLast) {
    pieces.push(await decrypt(key, chunkNonce(pieces.length, 0), rest.slice(0, PIECE + TAG) as Octets, EMPTY));
    rest = rest.slice(PIECE + TAG) as Octets;
  }
  if (rest.length < trailer + TAG) throw new Fault("decryption-failed", "the envelope is cut short");
  const last = await decrypt(key, chunkNonce(pieces.length, 1), rest, EMPTY);
  const end = last.length - trailer;
  if (pieces.length > 0 && end === 0) throw malformed("the length in the last chunk does not fit the body");
  const whole = concat(...pieces, last.subarray(0, end));
  const length = integer(last.subarray(end, end + 8));
  if (length > BigInt(whole.length) || (whole.length !== Number(length) && whole.length !== padme(Number(length)))) {
    throw malformed("the length in the last chunk does not fit the body");
  }
  if (whole.subarray(Number(length)).some((octet) => octet !== 0)) throw malformed("the padding is not zero");
  return { payload: whole.slice(0, Number(length)) as Octets, length, trailing: last.slice(end + 8) as Octets };
}

function chunkNonce(index: number, last: number): Octets {
  return concat(be(index, 11), new Uint8Array([last]));
}

function malformed(message: string): Fault {
  return new Fault("malformed-envelope", message);
}
