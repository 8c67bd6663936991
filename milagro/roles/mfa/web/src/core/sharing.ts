// Shares of a network's key: what everyone knows of it, a share with its proof, and how t of them are combined.
// Spec: spec/sharing.md#share, spec/sharing.md#dleq, spec/sharing.md#issuing, spec/sharing.md#shared-key

import { Fault } from "./fault.ts";
import { decodePoint, decodeScalar, encodePoint, GENERATOR, IDENTITY, invertPublic, modR, multiply, multiplyPublic, type Point, R } from "./g1.ts";
import { be, equal, frame, hex, type Octets, sha256, small, text, unframe } from "./octets.ts";
import { SHARING } from "./suite.ts";

const MAX_INDEX = 0xffff;

/** Set, epoch, threshold and holders of a key with Feldman's commitments. */
export class SharedKey {
  readonly octets: Octets;
  readonly setId: Octets;
  readonly epoch: number;
  readonly threshold: number;
  readonly holders: readonly number[];
  readonly keyId: Octets;
  private readonly commitments: readonly Point[];

  constructor(octets: Uint8Array) {
    const [setId, epoch, threshold, holders, commitments] = SHARING.fields("SHARED-KEY_", octets, 5) as [
      Octets, Octets, Octets, Octets, Octets,
    ];
    const sized = setId.length === 16 && epoch.length === 4 && threshold.length === 2;
    if (!sized || holders.length === 0 || holders.length % 2 !== 0 || small(threshold) === 0) {
      throw new Fault("malformed-envelope", "the fields of a shared key have other lengths");
    }
    this.octets = octets.slice() as Octets;
    this.setId = setId;
    this.epoch = small(epoch);
    this.threshold = small(threshold);
    this.holders = Array.from({ length: holders.length / 2 }, (_, at) => small(holders.subarray(2 * at, 2 * at + 2)));
    this.commitments = unframe(commitments, this.threshold).map(decodePoint);
    const rising = this.holders.every((holder, at) => holder > (at === 0 ? 0 : (this.holders[at - 1] as number)));
    if (!rising || this.holders.length < this.threshold) {
      throw new Fault("non-canonical", "the holders of a key do not rise, or are fewer than the threshold");
    }
    this.keyId = sha256(SHARING.labelled("SHARED-KEY_", encodePoint(this.commitments[0] as Point)));
  }

  /** s_i P1 = sum i^k C_k. */
  commitment(index: number): Point {
    let sum = IDENTITY;
    for (const commitment of [...this.commitments].reverse()) {
      sum = (sum.is0() ? sum : multiplyPublic(sum, BigInt(index))).add(commitment);
    }
    return sum;
  }
}

/** Which share of which set. */
export interface ShareHeader {
  setId: Octets;
  epoch: number;
  threshold: number;
  index: number;
}

/** s_i A and the proof that it is. Secret: point. */
export interface ClientShare {
  header: ShareHeader;
  A: Octets;
  point: Point;
  T: Point;
  TA: Point;
  z: bigint;
}

/** The share with these octets. Spec: spec/sharing.md#refusals */
export function readClientShare(octets: Uint8Array): ClientShare {
  if (octets[0] !== 1) throw new Fault("unknown-version", "a share of another version");
  const told = octets.length < 9 ? 0n : BigInt(small(octets.subarray(3, 9)));
  if (octets.length < 25 || BigInt(octets.length) < told) throw new Fault("truncated-share", "a share is cut short");
  if (BigInt(octets.length) !== told) throw new Fault("wrong-length", "a share is followed by other octets");
  const end = octets.length - 16;
  if (!equal(sha256(octets.subarray(0, end)).subarray(0, 16), octets.subarray(end))) {
    throw new Fault("corrupt-share", "the checksum of a share does not fit");
  }
  const [label, setId, epoch, threshold, index, A, point, proof] = unframe(octets.subarray(9, end), 8) as [
    Octets, Octets, Octets, Octets, Octets, Octets, Octets, Octets,
  ];
  if (text(label) !== SHARING.dst("CLIENT-SHARE_")) throw new Fault("malformed-envelope", "this is another kind of share");
  if (setId.length !== 16 || epoch.length !== 4 || threshold.length !== 2 || index.length !== 2) {
    throw new Fault("wrong-length", "the fields of a share's header have other lengths");
  }
  const header = { setId, epoch: small(epoch), threshold: small(threshold), index: small(index) };
  if (header.index === 0) throw new Fault("zero-index", "a share has index 0, where the secret itself stands");
  if (header.threshold === 0) throw new Fault("non-canonical", "a threshold is at least 1");
  const [T, TA, z] = unframe(proof, 3) as [Octets, Octets, Octets];
  return { header, A, point: decodePoint(point), T: decodePoint(T), TA: decodePoint(TA), z: decodeScalar(z) };
}

/** Nothing, if the share is s_i A with the s_i that the key commits to: z P1 = T + c X and z A = T' + c Y. */
export function checkClientShare(key: SharedKey, share: ClientShare, A: Point, context: Uint8Array): void {
  const { header } = share;
  const ofKey = equal(header.setId, key.setId) && header.epoch === key.epoch && header.threshold === key.threshold;
  if (!ofKey || header.index > MAX_INDEX || !key.holders.includes(header.index)) {
    throw new Fault("mixed-shares", "a share is of another key or epoch, or of no holder");
  }
  const X = key.commitment(header.index);
  const octetsOfA = encodePoint(A);
  if (!equal(share.A, octetsOfA)) throw new Fault("invalid-proof", "a share is for another point");
  const fields = [header.setId, be(header.epoch, 4), be(header.threshold, 2), be(header.index, 2)];
  const bound = frame(SHARING.dst("ISSUE_"), ...fields, context);
  const points = [X, A, share.point, share.T, share.TA].map(encodePoint);
  const c = SHARING.hashToScalar(frame(bound, ...points), "DLEQ_");
  const first = multiplyPublic(GENERATOR, share.z).equals(share.T.add(multiplyPublic(X, c)));
  if (!first || !multiplyPublic(A, share.z).equals(share.TA.add(multiply(share.point, c)))) {
    throw new Fault("invalid-proof", "a proof of equal logarithms does not hold");
  }
}

/** s A = sum lambda_i s_i A over t shares that were checked. Secret: the result. */
export function combineClientShares(key: SharedKey, shares: readonly ClientShare[]): Point {
  const some = shares.slice(0, key.threshold);
  const indices = some.map((share) => share.header.index);
  if (some.length < key.threshold) throw new Fault("too-few-shares", "fewer shares than the threshold");
  if (new Set(indices).size !== some.length) throw new Fault("duplicate-share", "a share stands twice");
  return some.reduce(
    (sum, share) => sum.add(multiply(share.point, weight(share.header.index, indices))),
    IDENTITY,
  );
}

/** lambda_i = prod_(j != i) x_j / (x_j - x_i). Spec: spec/sharing.md#shamir */
function weight(index: number, indices: readonly number[]): bigint {
  let top = 1n;
  let bottom = 1n;
  for (const other of indices) {
    if (other === index) continue;
    top = modR(top * BigInt(other));
    bottom = modR(bottom * BigInt(other - index));
  }
  return (top * invertPublic(bottom)) % R;
}

/** The keys that a D-TA says are accepted: frame(current, frame(key, be(end, 8)), ..). Spec: spec/sharing.md#rotation */
export function readKeyRing(octets: Uint8Array): SharedKey[] {
  const [current, ...retiring] = unframe(octets);
  if (current === undefined) throw new Fault("malformed-envelope", "a key ring holds a key");
  return [new SharedKey(current), ...retiring.map((pair) => new SharedKey(unframe(pair, 2)[0] as Octets))];
}

/** A name for an octet string in maps. */
export function nameOf(octets: Uint8Array): string {
  return hex(octets);
}
