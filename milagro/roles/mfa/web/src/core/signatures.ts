// Ed25519 and ML-DSA-65 together: both must hold. Spec: spec/signatures.md#signing, spec/envelope.md#signatures
//
// Ed25519 is that of WebCrypto, ML-DSA-65 that of noble-post-quantum: there is no other in browsers yet.

import { ml_dsa65 } from "@noble/post-quantum/ml-dsa.js";
import { Fault } from "./fault.ts";
import { frame, type Octets, sha256, utf8 } from "./octets.ts";

export const HYBRID = "ED25519+MLDSA65.1";
export const ENVELOPE_LABEL = "milagro envelope v1";
export const PUBLIC_OCTETS = 32 + 1952;
export const SIGNATURE_OCTETS = 64 + 3309;

/** Somebody whose signatures can be verified. */
export interface Sender {
  readonly signatureOctets: number;
  /** Nothing, if the signature over frame(label, suite, purpose, fields ..) holds. */
  verify(signature: Uint8Array, label: string, purpose: string, ...fields: Uint8Array[]): Promise<void>;
}

/** A public key of both algorithms. */
export class VerifyingKey implements Sender {
  readonly octets: Octets;
  readonly signatureOctets = SIGNATURE_OCTETS;
  constructor(octets: Uint8Array) {
    if (octets.length !== PUBLIC_OCTETS) throw new Fault("wrong-length", `a public key has ${PUBLIC_OCTETS} octets`);
    this.octets = octets.slice() as Octets;
  }

  /** H(frame(LABEL, "signing key", suite, public key)): its name in envelopes. */
  get envelopeId(): Octets {
    return sha256(frame(ENVELOPE_LABEL, "signing key", HYBRID, this.octets));
  }

  /** Nothing, if both signatures over frame(label, suite, purpose, fields ..) hold. */
  async verify(signature: Uint8Array, label: string, purpose: string, ...fields: Uint8Array[]): Promise<void> {
    const signed = frame(label, HYBRID, purpose, ...fields);
    if (!(await this.holds(signature, signed, utf8(label)))) {
      throw new Fault("invalid-signature", "the signature does not match the key and what is signed");
    }
  }

  private async holds(signature: Uint8Array, signed: Octets, context: Octets): Promise<boolean> {
    if (signature.length !== SIGNATURE_OCTETS) return false;
    try {
      const key = await crypto.subtle.importKey("raw", this.octets.slice(0, 32), "Ed25519", false, ["verify"]);
      return (
        (await crypto.subtle.verify("Ed25519", key, signature.slice(0, 64), signed)) &&
        ml_dsa65.verify(signature.subarray(64), signed, this.octets.subarray(32), { context })
      );
    } catch {
      return false;
    }
  }
}
