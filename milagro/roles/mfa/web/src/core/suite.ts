// The suites: labels and hashes of M-Pin v2 and of sharing, both on G1 of BLS12-381 with SHA-256.
// Spec: spec/mpin.md#suite, spec/sharing.md#suite

import { Fault } from "./fault.ts";
import { hashToG1, hashToScalar, type Point } from "./g1.ts";
import { frame, type Octets, text, unframe } from "./octets.ts";

const MAX_MESSAGE = 8192;

/** One name, and from it every tag and label. */
export class Suite {
  readonly id: string;
  constructor(id: string) {
    this.id = id;
  }

  dst(purpose: string): string {
    return this.id + purpose;
  }

  /** frame(id || purpose, fields..). */
  labelled(purpose: string, ...fields: Uint8Array[]): Octets {
    return frame(this.dst(purpose), ...fields);
  }

  /** The fields of `labelled`; nothing of another suite or purpose passes. */
  fields(purpose: string, octets: Uint8Array, count: number): Octets[] {
    if (octets.length > MAX_MESSAGE) throw new Fault("wrong-length", "a message is too long");
    const [label, ...fields] = unframe(octets, count + 1);
    if (text(label as Octets) !== this.dst(purpose)) {
      throw new Fault("malformed-envelope", `this is no ${purpose.replace(/_$/, "")} value of ${this.id}`);
    }
    return fields;
  }

  /** H1(message, purpose). */
  hashToG1(message: Uint8Array, purpose: string): Point {
    return hashToG1(message, this.dst(purpose));
  }

  /** Hr(message, purpose). */
  hashToScalar(message: Uint8Array, purpose: string): bigint {
    return hashToScalar(message, this.dst(purpose));
  }
}

export const MPIN = new Suite("MPIN-V2_BLS12381G1_XMD:SHA-256_SSWU_RO_");
export const SHARING = new Suite("SHARING-V1_BLS12381G1_XMD:SHA-256_SSWU_RO_");
