// The identity: who, on which device, at which server, with which client key, since when. Spec: spec/mpin.md#identity

import { Fault } from "./fault.ts";
import { be, equal, frame, integer, type Octets, sha256, text, unframe, utf8 } from "./octets.ts";
import { MPIN } from "./suite.ts";

const CONTROL = /[\p{Cc}\p{Cs}]/u;
const PUBLIC_OCTETS: Record<string, number> = { ed25519: 32, "ecdsa-p256-sha256": 65 };

/** `value` in NFC, if it is text of 1 to `most` octets without control characters. */
export function checkText(name: string, value: string, most: number): string {
  const normal = value.normalize("NFC");
  if (CONTROL.test(normal)) throw new Fault("parameter-error", `${name} holds a control character`);
  const length = utf8(normal).length;
  if (length < 1 || length > most) throw new Fault("parameter-error", `${name} has 1 to ${most} octets of UTF-8`);
  return normal;
}

/** frame(suite id, realm, user, device, be(issued_at, 8), salt, algorithm, public key). */
export class Identity {
  readonly octets: Octets;
  readonly realm: string;
  readonly user: string;
  readonly device: string;
  readonly issuedAt: number;
  readonly salt: Octets;
  readonly algorithm: string;
  readonly publicKey: Octets;

  private constructor(octets: Uint8Array) {
    const [suite, realm, user, device, at, salt, algorithm, key] = unframe(octets, 8) as [
      Octets, Octets, Octets, Octets, Octets, Octets, Octets, Octets,
    ];
    if (text(suite) !== MPIN.id) throw new Fault("malformed-envelope", "the identity is of another suite");
    this.realm = checkText("realm", text(realm), 253);
    this.user = checkText("user", text(user), 256);
    this.device = checkText("device", text(device), 64);
    this.algorithm = checkText("algorithm", text(algorithm), 32);
    if (at.length !== 8 || integer(at) >= 1n << 53n || salt.length !== 16) {
      throw new Fault("malformed-envelope", "a field of the identity has another length");
    }
    this.issuedAt = Number(integer(at));
    this.salt = salt;
    this.publicKey = key;
    if (PUBLIC_OCTETS[this.algorithm] !== key.length) {
      throw new Fault("malformed-envelope", "the client key of the identity is of an unknown kind");
    }
    this.octets = this.framed();
    if (!equal(this.octets, octets)) throw new Fault("non-canonical", "the identity is not in its one encoding");
  }

  static fromOctets(octets: Uint8Array): Identity {
    return new Identity(octets);
  }

  /** SHA-256(identity). */
  get digest(): Octets {
    return sha256(this.octets);
  }

  private framed(): Octets {
    const names = [MPIN.id, this.realm, this.user, this.device] as const;
    return frame(...names, be(this.issuedAt, 8), this.salt, this.algorithm, this.publicKey);
  }
}
