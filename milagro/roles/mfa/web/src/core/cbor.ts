// Deterministic CBOR: what decodes has exactly one encoding. Spec: spec/cbor.md#deterministic
//
//   integer -> number, or bigint beyond 2^53     octets -> Uint8Array     text -> string
//   array -> array     map -> Map     true, false, null     tag -> Tag, where the caller names its number

import { Fault } from "./fault.ts";
import { be, compare, concat, equal, type Octets, text, utf8 } from "./octets.ts";

export type Key = number | bigint | string | Octets;
export type Value = number | bigint | string | boolean | null | Octets | Tag | Value[] | Map<Key, Value>;

export class Tag {
  readonly number: number;
  readonly value: Value;
  constructor(number: number, value: Value) {
    this.number = number;
    this.value = value;
  }
}

export interface Limits {
  octets: number;
  items: number;
  depth: number;
}
const DEFAULT: Limits = { octets: 1 << 20, items: 1 << 16, depth: 16 };

// -- encoding ---------------------------------------------------------------------------------------------------------
function head(major: number, argument: number | bigint): Octets {
  const value = BigInt(argument);
  if (value < 24n) return new Uint8Array([(major << 5) | Number(value)]);
  const widths: [number, number][] = [[24, 1], [25, 2], [26, 4], [27, 8]];
  for (const [information, width] of widths) {
    if (value < 1n << BigInt(8 * width)) return concat(new Uint8Array([(major << 5) | information]), be(value, width));
  }
  throw new Fault("parameter-error", "an integer of CBOR lies between -2^64 and 2^64 - 1");
}

/** The one encoding of a value. */
export function encode(value: Value): Octets {
  if (value === null) return new Uint8Array([0xf6]);
  if (typeof value === "boolean") return new Uint8Array([value ? 0xf5 : 0xf4]);
  if (typeof value === "number" || typeof value === "bigint") {
    return value >= 0 ? head(0, value) : head(1, -1n - BigInt(value));
  }
  if (typeof value === "string") {
    const octets = utf8(value);
    return concat(head(3, octets.length), octets);
  }
  if (value instanceof Uint8Array) return concat(head(2, value.length), value);
  if (value instanceof Tag) return concat(head(6, value.number), encode(value.value));
  if (Array.isArray(value)) return concat(head(4, value.length), ...value.map(encode));
  const entries = Array.from(value, ([key, item]): [Octets, Octets] => [encode(key), encode(item)]);
  entries.sort(([left], [right]) => compare(left, right));
  return concat(head(5, entries.length), ...entries.flat());
}

// -- decoding ---------------------------------------------------------------------------------------------------------
class Reader {
  at = 0;
  readonly octets: Uint8Array;
  items: number;
  readonly tags: readonly number[];
  constructor(octets: Uint8Array, items: number, tags: readonly number[]) {
    this.octets = octets;
    this.items = items;
    this.tags = tags;
  }

  read(depth: number): Value {
    this.count(1);
    const first = this.octet();
    const major = first >> 5;
    const information = first & 31;
    if (major === 7) return this.simple(information);
    const argument = this.argument(information);
    if (major < 2) return narrow(major === 0 ? argument : -1n - argument);
    if (major === 2) return this.take(argument);
    if (major === 3) return text(this.take(argument));
    if (depth < 1) throw malformed("the document is nested deeper than the limit");
    if (major === 6) return this.tag(argument, depth - 1);
    return major === 4 ? this.array(argument, depth - 1) : this.map(argument, depth - 1);
  }

  private count(items: number): void {
    this.items -= items;
    if (this.items < 0) throw malformed("the document has more items than the limit");
  }

  private octet(): number {
    const octet = this.octets[this.at++];
    if (octet === undefined) throw malformed("the document is cut short");
    return octet;
  }

  private take(length: bigint): Octets {
    if (length > BigInt(this.octets.length - this.at)) throw malformed("the document is cut short");
    const start = this.at;
    this.at += Number(length);
    return this.octets.slice(start, this.at) as Octets;
  }

  private argument(information: number): bigint {
    if (information < 24) return BigInt(information);
    if (information === 31) throw new Fault("non-canonical", "a length is not definite");
    const width = { 24: 1, 25: 2, 26: 4, 27: 8 }[information];
    if (width === undefined) throw malformed("a head of the document is reserved");
    let value = 0n;
    for (const octet of this.take(BigInt(width))) value = (value << 8n) | BigInt(octet);
    if (value < (width === 1 ? 24n : 1n << BigInt(4 * width))) throw new Fault("non-canonical", "a head is longer than needed");
    return value;
  }

  private simple(information: number): Value {
    if (information === 20 || information === 21) return information === 21;
    if (information === 22) return null;
    if (information === 31) throw malformed("a break stands where no indefinite length began");
    throw malformed("the document has a float, or a simple value other than false, true and null");
  }

  private tag(number: bigint, depth: number): Tag {
    if (!this.tags.includes(Number(number))) throw malformed("the document has a tag that its definition does not name");
    return new Tag(Number(number), this.read(depth));
  }

  private fits(count: bigint): number {
    if (count > BigInt(this.octets.length - this.at)) throw malformed("the document is cut short");
    return Number(count);
  }

  private array(count: bigint, depth: number): Value[] {
    const items: Value[] = [];
    for (let left = this.fits(count); left > 0; left--) items.push(this.read(depth));
    return items;
  }

  private map(count: bigint, depth: number): Map<Key, Value> {
    const found = new Map<Key, Value>();
    let before: Uint8Array | null = null;
    for (let left = this.fits(2n * count) / 2; left > 0; left--) {
      const start = this.at;
      const key = this.key();
      const encoded = this.octets.subarray(start, this.at);
      if (before !== null && equal(before, encoded)) throw malformed("a key stands twice");
      if (before !== null && compare(before, encoded) > 0) throw new Fault("non-canonical", "the keys are not in order");
      before = encoded;
      found.set(key, this.read(depth));
    }
    return found;
  }

  private key(): Key {
    const major = (this.octets[this.at] ?? 0) >> 5;
    if (major > 3) throw malformed("a key is not an integer, a text or octets");
    return this.read(0) as Key;
  }
}

function narrow(value: bigint): number | bigint {
  const near = Number(value);
  return Number.isSafeInteger(near) ? near : value;
}

function malformed(message: string): Fault {
  return new Fault("malformed-envelope", message);
}

/** The value whose one encoding is `octets`. Spec: spec/cbor.md#refusals */
export function decode(octets: Uint8Array, limits: Limits = DEFAULT, tags: readonly number[] = []): Value {
  if (octets.length > limits.octets) throw malformed("the document has more octets than the limit");
  const reader = new Reader(octets, limits.items, tags);
  const value = reader.read(limits.depth);
  if (reader.at !== octets.length) throw malformed("octets follow the end of the document");
  return value;
}

/** A map that is read field by field. Spec: spec/cbor.md#fields */
export class Fields {
  private readonly rest: Map<Key, Value>;
  private readonly what: string;
  constructor(value: Value, what: string) {
    if (!(value instanceof Map)) throw malformed(`${what} is not a map`);
    this.rest = new Map(value);
    this.what = what;
  }

  has(key: Key): boolean {
    return this.rest.has(key);
  }

  value(key: Key): Value {
    const value = this.rest.get(key);
    if (value === undefined) throw malformed(`${this.what} lacks the field ${String(key)}`);
    this.rest.delete(key);
    return value;
  }

  integer(key: Key, low = 0, high = Number.MAX_SAFE_INTEGER): number {
    const value = this.value(key);
    if (typeof value !== "number" || value < low || value > high) throw this.wrong(key);
    return value;
  }

  octets(key: Key, low = 0, high = Number.MAX_SAFE_INTEGER): Octets {
    const value = this.value(key);
    if (!(value instanceof Uint8Array) || value.length < low || value.length > high) throw this.wrong(key);
    return value;
  }

  text(key: Key, low = 0, high = Number.MAX_SAFE_INTEGER): string {
    const value = this.value(key);
    if (typeof value !== "string") throw this.wrong(key);
    const length = utf8(value).length;
    if (length < low || length > high) throw this.wrong(key);
    return value;
  }

  array(key: Key, low = 0, high = Number.MAX_SAFE_INTEGER): Value[] {
    const value = this.value(key);
    if (!Array.isArray(value) || value.length < low || value.length > high) throw this.wrong(key);
    return value;
  }

  /** Refuses what has not been read; negative keys may be passed over where the format says so. */
  finish(ignorable = false): void {
    for (const key of this.rest.keys()) {
      if (!(ignorable && (typeof key === "number" || typeof key === "bigint") && key < 0)) {
        throw malformed(`${this.what} has a field that this release does not know`);
      }
    }
  }

  private wrong(key: Key): Fault {
    return malformed(`the field ${String(key)} of ${this.what} is of another type or out of bounds`);
  }
}
