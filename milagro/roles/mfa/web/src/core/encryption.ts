// The key that an answer is sealed to: HPKE with ML-KEM-768 and X25519 (X-Wing), base mode, single shot. X25519 and AES-GCM
// are those of WebCrypto, ML-KEM-768 is that of noble-post-quantum.
// Spec: spec/envelope.md#suites (RFC 9180; draft-ietf-hpke-pq, KEM 0x647a)

import { sha3_256 } from "@noble/hashes/sha3.js";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { Fault } from "./fault.ts";
import { be, concat, EMPTY, frame, hmacSha256, type Octets, type Random, sha256, utf8, wipe } from "./octets.ts";
import { ENVELOPE_LABEL } from "./signatures.ts";

export const ENCRYPTION_SUITE = "MLKEM768-X25519.1";
const LATTICE_CIPHERTEXT = 1088;
const ENCAPSULATED = LATTICE_CIPHERTEXT + 32;
const SLOT_OCTETS = ENCAPSULATED + 32 + 16;
const XWING_LABEL = utf8("\\.//^\\");
const SUITE_ID = concat(utf8("HPKE"), be(0x647a, 2), be(0x0001, 2), be(0x0002, 2));
const ZEROS = new Uint8Array(32);
// RFC 8410, section 7: what stands before the 32 octets of an X25519 key.
const PKCS8_X25519 = new Uint8Array([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20]);

/** AES-256-GCM of WebCrypto. */
export async function decrypt(key: Octets, nonce: Octets, sealed: Octets, data: Octets): Promise<Octets> {
  const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  try {
    const terms = { name: "AES-GCM", iv: nonce, additionalData: data };
    return new Uint8Array(await crypto.subtle.decrypt(terms, imported, sealed));
  } catch {
    throw new Fault("decryption-failed", "what was sealed was altered, or is for another key");
  }
}

function labelledExtract(salt: Uint8Array, label: string, ikm: Uint8Array): Octets {
  return hmacSha256(salt, concat(utf8("HPKE-v1"), SUITE_ID, utf8(label), ikm));
}

function labelledExpand(prk: Uint8Array, label: string, info: Uint8Array, length: number): Octets {
  // One block of HKDF-Expand is enough for all that is wanted here.
  const labelled = concat(be(length, 2), utf8("HPKE-v1"), SUITE_ID, utf8(label), info);
  return hmacSha256(prk, concat(labelled, new Uint8Array([1]))).slice(0, length) as Octets;
}

/** A private key to open with: it lives as long as the question to which the answer is sealed. */
export class EncryptionKey {
  readonly publicKey: Octets;
  readonly id: Octets;
  private readonly lattice: Uint8Array;
  private readonly scalar: CryptoKey;

  private constructor(publicKey: Octets, lattice: Uint8Array, scalar: CryptoKey) {
    this.publicKey = publicKey;
    this.lattice = lattice;
    this.scalar = scalar;
    this.id = sha256(frame(ENVELOPE_LABEL, "encryption key", ENCRYPTION_SUITE, publicKey));
  }

  /** A new key; its half on the curve cannot be extracted. */
  static async generate(random: Random): Promise<EncryptionKey> {
    const seed = random(64);
    const pair = (await crypto.subtle.generateKey("X25519", false, ["deriveBits"])) as CryptoKeyPair;
    const point = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    wipe(seed);
    return new EncryptionKey(concat(publicKey, point), secretKey, pair.privateKey);
  }

  /** The key with these octets: a seed of ML-KEM-768 (64), a scalar of X25519 (32), and the scalar's point. */
  static async of(octets: Octets, point: Octets): Promise<EncryptionKey> {
    if (octets.length !== 96) throw new Fault("wrong-length", "a private key has 96 octets");
    const { publicKey, secretKey } = ml_kem768.keygen(octets.slice(0, 64));
    const packed = concat(PKCS8_X25519, octets.subarray(64));
    const scalar = await crypto.subtle.importKey("pkcs8", packed, "X25519", false, ["deriveBits"]);
    wipe(packed);
    return new EncryptionKey(concat(publicKey, point), secretKey, scalar);
  }

  /** The content secret in a slot. */
  async openSlot(slot: Octets): Promise<Octets> {
    if (slot.length !== SLOT_OCTETS) throw new Fault("decryption-failed", "the envelope was not sealed for this key");
    const shared = await this.decapsulate(slot.subarray(0, ENCAPSULATED));
    const info = frame(ENVELOPE_LABEL, "slot", ENCRYPTION_SUITE, this.id);
    const hashes = [labelledExtract(ZEROS, "psk_id_hash", EMPTY), labelledExtract(ZEROS, "info_hash", info)];
    const context = concat(new Uint8Array([0]), ...hashes);
    const secret = labelledExtract(shared, "secret", EMPTY);
    const key = labelledExpand(secret, "key", context, 32);
    const nonce = labelledExpand(secret, "base_nonce", context, 12);
    try {
      return await decrypt(key, nonce, slot.slice(ENCAPSULATED) as Octets, EMPTY);
    } finally {
      wipe(shared, secret, key);
    }
  }

  /** SHA3-256(ss_M || ss_X || ct_X || pk_X || label), of draft-connolly-cfrg-xwing-kem. */
  private async decapsulate(encapsulated: Uint8Array): Promise<Octets> {
    const point = encapsulated.slice(LATTICE_CIPHERTEXT) as Octets;
    try {
      const lattice = ml_kem768.decapsulate(encapsulated.slice(0, LATTICE_CIPHERTEXT), this.lattice);
      const peer = await crypto.subtle.importKey("raw", point, "X25519", false, []);
      const curve = new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: peer }, this.scalar, 256));
      return sha3_256(concat(lattice, curve, point, this.publicKey.subarray(1184), XWING_LABEL)) as Octets;
    } catch {
      throw new Fault("decryption-failed", "the envelope was not sealed for this key, or was altered");
    }
  }

  /** Makes the key useless. */
  forget(): void {
    wipe(this.lattice);
  }
}
