// Content identifiers: CIDv1 with sha2-256. Spec: spec/messaging.md#cid

import { Tag, type Value } from "./cbor.ts";
import { Fault } from "./fault.ts";
import { concat, equal, type Octets, sha256 } from "./octets.ts";

export const LINK_TAG = 42;
const RAW = 0x55;
const DAG_CBOR = 0x71;
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** The name of some content, in its 36 octets. */
export class Cid {
  readonly octets: Octets;
  private constructor(octets: Octets) {
    this.octets = octets;
  }

  static fromOctets(octets: Uint8Array): Cid {
    if (octets.length !== 36) throw new Fault("wrong-length", "a CID has 36 octets");
    const known = octets[0] === 1 && octets[2] === 0x12 && octets[3] === 0x20;
    if (!known || (octets[1] !== RAW && octets[1] !== DAG_CBOR)) {
      throw new Fault("malformed-envelope", "the CID is not of a kind that is used here");
    }
    return new Cid(octets.slice() as Octets);
  }

  /** The CID of a block of DAG-CBOR. */
  static ofBlock(content: Uint8Array): Cid {
    return new Cid(concat(new Uint8Array([1, DAG_CBOR, 0x12, 0x20]), sha256(content)));
  }

  static fromText(value: string): Cid {
    if (!/^b[a-z2-7]{58}$/.test(value)) throw new Fault("malformed-envelope", "the text of a CID is 'b' and base32");
    const octets = new Uint8Array(36);
    let held = 0;
    let bits = 0;
    let at = 0;
    for (const letter of value.slice(1)) {
      held = ((held << 5) | ALPHABET.indexOf(letter)) & 0xfff;
      bits += 5;
      if (bits >= 8) {
        bits -= 8;
        octets[at++] = (held >> bits) & 255;
      }
    }
    const cid = Cid.fromOctets(octets);
    if (cid.text !== value) throw new Fault("non-canonical", "the text of a CID is not the one that its octets have");
    return cid;
  }

  /** The CID of a block in a link of DAG-CBOR. */
  static fromLink(value: Value): Cid {
    const octets = value instanceof Tag && value.number === LINK_TAG ? value.value : null;
    if (!(octets instanceof Uint8Array) || octets[0] !== 0) {
      throw new Fault("malformed-envelope", "a link is tag 42 over a zero octet and a CID");
    }
    const cid = Cid.fromOctets(octets.subarray(1));
    if (cid.octets[1] !== DAG_CBOR) throw new Fault("malformed-envelope", "a link leads to something that is no operation");
    return cid;
  }

  get text(): string {
    let held = 0;
    let bits = 0;
    let found = "b";
    for (const octet of this.octets) {
      held = ((held << 8) | octet) & 0xfff;
      bits += 8;
      while (bits >= 5) {
        bits -= 5;
        found += ALPHABET[(held >> bits) & 31];
      }
    }
    return bits > 0 ? found + ALPHABET[(held << (5 - bits)) & 31] : found;
  }

  equals(other: Cid): boolean {
    return equal(this.octets, other.octets);
  }
}
