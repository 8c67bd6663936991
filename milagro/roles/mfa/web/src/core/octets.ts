// Octet strings: integers to and from big-endian octets, length-prefixed framing, base64url, SHA-256.
// Spec: spec/mpin.md (Notation)

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 as digest } from "@noble/hashes/sha2.js";
import { Fault } from "./fault.ts";

export type Octets = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const EMPTY: Octets = new Uint8Array(0);

/** The octets of a text in UTF-8. */
export function utf8(text: string): Octets {
  return encoder.encode(text) as Octets;
}

/** The text of octets in UTF-8. */
export function text(octets: Uint8Array): string {
  try {
    return decoder.decode(octets);
  } catch {
    throw new Fault("malformed-envelope", "a text is not UTF-8");
  }
}

/** `value` as `length` big-endian octets. */
export function be(value: number | bigint, length: number): Octets {
  let rest = BigInt(value);
  const octets = new Uint8Array(length);
  for (let at = length - 1; at >= 0; at--) {
    octets[at] = Number(rest & 255n);
    rest >>= 8n;
  }
  if (rest !== 0n) throw new Fault("parameter-error", "an integer does not fit its octets");
  return octets;
}

/** The integer in big-endian octets. */
export function integer(octets: Uint8Array): bigint {
  let value = 0n;
  for (const octet of octets) value = (value << 8n) | BigInt(octet);
  return value;
}

/** The integer in at most six octets. */
export function small(octets: Uint8Array): number {
  return Number(integer(octets));
}

export function concat(...parts: Uint8Array[]): Octets {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Each field behind its length in four octets; a text as UTF-8. */
export function frame(...fields: (Uint8Array | string)[]): Octets {
  const parts: Uint8Array[] = [];
  for (const field of fields) {
    const octets = typeof field === "string" ? utf8(field) : field;
    parts.push(be(octets.length, 4), octets);
  }
  return concat(...parts);
}

/** The fields of `frame`; `count`, where given, is how many there must be. */
export function unframe(octets: Uint8Array, count?: number): Octets[] {
  const fields: Octets[] = [];
  let at = 0;
  while (at < octets.length) {
    const start = at + 4;
    const end = start + small(octets.subarray(at, start));
    if (start > octets.length || end > octets.length) {
      throw new Fault("malformed-envelope", "a field runs past the end of the message");
    }
    fields.push(octets.slice(start, end) as Octets);
    at = end;
  }
  if (count !== undefined && fields.length !== count) {
    throw new Fault("malformed-envelope", `expected ${count} fields, got ${fields.length}`);
  }
  return fields;
}

/** Whether two octet strings are the same, without stopping at the first difference. */
export function equal(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let at = 0; at < left.length; at++) difference |= (left[at] as number) ^ (right[at] as number);
  return difference === 0;
}

/** Negative, 0 or positive, as octet strings sort. */
export function compare(left: Uint8Array, right: Uint8Array): number {
  const shared = Math.min(left.length, right.length);
  for (let at = 0; at < shared; at++) {
    const difference = (left[at] as number) - (right[at] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

export function sha256(octets: Uint8Array): Octets {
  return digest(octets) as Octets;
}

export function hmacSha256(key: Uint8Array, octets: Uint8Array): Octets {
  return hmac(digest, key, octets) as Octets;
}

export function hex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

/** RFC 4648, section 5, without padding. */
export function toBase64url(octets: Uint8Array): string {
  let binary = "";
  for (const octet of octets) binary += String.fromCharCode(octet);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The octets of `toBase64url`; every other spelling of them is refused. */
export function fromBase64url(value: unknown): Octets {
  if (typeof value !== "string" || !/^[A-Za-z0-9_-]*$/.test(value)) {
    throw new Fault("malformed-envelope", "a field is not base64url");
  }
  let octets: Octets;
  try {
    octets = Uint8Array.from(atob(value.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
  } catch {
    throw new Fault("malformed-envelope", "a field is not base64url");
  }
  if (toBase64url(octets) !== value) throw new Fault("non-canonical", "a field is not base64url in its one spelling");
  return octets;
}

/** Random octets of the browser; nothing that a server sends goes into them. */
export function random(count: number): Octets {
  return crypto.getRandomValues(new Uint8Array(count));
}

export type Random = (count: number) => Octets;

/** Overwrites buffers that are of no use any more. Copies that the engine made are beyond our reach. */
export function wipe(...buffers: Uint8Array[]): void {
  for (const buffer of buffers) buffer.fill(0);
}
