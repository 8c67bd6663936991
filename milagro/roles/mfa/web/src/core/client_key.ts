// The client key: signs both passes of a login. Spec: spec/mpin.md#client-key
//
// In a browser it is a P-256 key of WebCrypto that cannot be extracted: scripts can use it while they run in this origin,
// and never take it away.

import type { Octets } from "./octets.ts";

export interface ClientKey {
  readonly algorithm: string;
  readonly publicKey: Octets;
  sign(octets: Octets): Promise<Octets>;
}

const KIND = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" } as const;

/** A P-256 key of WebCrypto, `04 || x || y` in public; signatures are `r || s`. */
export class WebCryptoKey implements ClientKey {
  readonly algorithm = "ecdsa-p256-sha256";
  readonly publicKey: Octets;
  readonly pair: CryptoKeyPair;
  private constructor(pair: CryptoKeyPair, publicKey: Octets) {
    this.pair = pair;
    this.publicKey = publicKey;
  }

  static async generate(): Promise<WebCryptoKey> {
    return WebCryptoKey.of(await crypto.subtle.generateKey(KIND, false, ["sign", "verify"]));
  }

  /** The key in a pair that was stored. */
  static async of(pair: CryptoKeyPair): Promise<WebCryptoKey> {
    const octets = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    return new WebCryptoKey(pair, octets);
  }

  async sign(octets: Octets): Promise<Octets> {
    return new Uint8Array(await crypto.subtle.sign(SIGNATURE, this.pair.privateKey, octets));
  }
}
