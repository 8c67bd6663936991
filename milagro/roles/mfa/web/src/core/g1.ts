// G1 of BLS12-381, without the pairing, which a client never computes. Spec: spec/curves.md
//
//   E: y^2 = x^3 + 4 over Fp     points in 48 octets, compressed     hash_to_curve of RFC 9380, suite SSWU_RO
//
// Big integers of JavaScript are not constant-time. Products with secrets go through the fixed windows of noble-curves,
// which always add; the additions inside still take a time that depends on their numbers a little.

import { createHasher, expand_message_xmd, isogenyMap, mapToCurveSimpleSWU } from "@noble/curves/abstract/hash-to-curve.js";
import { Field } from "@noble/curves/abstract/modular.js";
import { weierstrass } from "@noble/curves/abstract/weierstrass.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { Fault } from "./fault.ts";
import { A, B, X_DEN, X_NUM, Y_DEN, Y_NUM, Z } from "./isogeny.ts";
import { be, integer, type Octets, type Random, utf8 } from "./octets.ts";

const P = 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn;
/** The order of G1. */
export const R = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;
const U = 0xd201000000010000n; // minus the seed of the curve
const BETA = 0x5f19672fdf76ce51ba69c6076a0f77eaddb3a93be6f89688de17d813620a00022e01fffffffefffen;

export const POINT_OCTETS = 48;
export const SCALAR_OCTETS = 32;

const Fp = Field(P);

/** A point of G1. It names what is used of noble-curves, whose types the package's own would need otherwise. */
export interface Point {
  add(other: Point): Point;
  subtract(other: Point): Point;
  multiply(scalar: bigint): Point;
  multiplyUnsafe(scalar: bigint): Point;
  equals(other: Point): boolean;
  is0(): boolean;
  toAffine(): { x: bigint; y: bigint };
}

const G1 = weierstrass(
  {
    p: P,
    n: R,
    h: 0x396c8c005555e1568c00aaab0000aaabn,
    a: 0n,
    b: 4n,
    Gx: 0x17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bbn,
    Gy: 0x08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1n,
  },
  {
    Fp,
    // h_eff = 1 + |u| clears the cofactor (Wahby and Boneh 2019, section 5; RFC 9380, section 8.8.1).
    clearCofactor: (_curve, point) => point.multiplyUnsafe(U).add(point),
    // P is of order r if and only if (beta x, y) = -u^2 P (Scott 2021, eprint 2021/1130, section 6).
    isTorsionFree: (curve, point) =>
      point.multiplyUnsafe(U).negate().multiplyUnsafe(U).equals(new curve(Fp.mul(point.X, BETA), point.Y, point.Z)),
  },
);

const isogeny = isogenyMap(Fp, [X_NUM, X_DEN, Y_NUM, Y_DEN]);
const simplifiedSwu = mapToCurveSimpleSWU(Fp, { A, B, Z });
const hasher = createHasher(
  G1,
  ([u]) => {
    const { x, y } = simplifiedSwu(u as bigint);
    return isogeny(x, y);
  },
  { DST: "-", p: P, m: 1, k: 128, expand: "xmd", hash: sha256 },
);

export const GENERATOR: Point = G1.BASE;
export const IDENTITY: Point = G1.ZERO;

/** hash_to_curve of RFC 9380 with SHA-256. */
export function hashToG1(message: Uint8Array, dst: string): Point {
  return hasher.hashToCurve(message, { DST: utf8(dst) }) as Point;
}

/** hash_to_field of RFC 9380 modulo r: one element, of 48 expanded octets. */
export function hashToScalar(message: Uint8Array, dst: string): bigint {
  return integer(expand_message_xmd(message, utf8(dst), 48, sha256)) % R;
}

/** The 48 octets of a point other than the identity: x, with flags for compressed form and for the larger y. */
export function encodePoint(point: Point): Octets {
  if (point.is0()) throw new Fault("identity-element", "the identity has no place in a message");
  const { x, y } = point.toAffine();
  const octets = be(x, POINT_OCTETS);
  octets[0] = (octets[0] as number) | 0x80 | (y > (P - 1n) / 2n ? 0x20 : 0);
  return octets;
}

/** The point of G1 with these octets: canonical, on the curve, in the subgroup, not the identity. Spec: spec/curves.md#refusals */
export function decodePoint(octets: Uint8Array): Point {
  if (octets.length !== POINT_OCTETS) throw new Fault("wrong-length", `a point has ${POINT_OCTETS} octets`);
  const flags = (octets[0] as number) & 0xe0;
  const bare = octets.slice();
  bare[0] = (bare[0] as number) & 0x1f;
  const x = integer(bare);
  if ((flags & 0x80) === 0) throw new Fault("invalid-flags", "a point is not in compressed form");
  if ((flags & 0x40) !== 0) {
    if ((flags & 0x20) !== 0 || x !== 0n) throw new Fault("invalid-flags", "the flags of a point contradict each other");
    throw new Fault("identity-element", "the identity is not allowed here");
  }
  if (x >= P) throw new Fault("non-canonical", "a coordinate is not below the modulus");
  const point = G1.fromAffine({ x, y: ordinate(x, (flags & 0x20) !== 0) });
  if (!point.isTorsionFree()) throw new Fault("not-in-subgroup", "a point is outside the subgroup");
  return point;
}

function ordinate(x: bigint, larger: boolean): bigint {
  let y: bigint;
  try {
    y = Fp.sqrt(Fp.add(Fp.mul(Fp.sqr(x), x), 4n));
  } catch {
    throw new Fault("not-on-curve", "a point is not on the curve");
  }
  return y > (P - 1n) / 2n === larger ? y : Fp.neg(y);
}

/** The scalar in 32 octets, below r. */
export function decodeScalar(octets: Uint8Array): bigint {
  if (octets.length !== SCALAR_OCTETS) throw new Fault("wrong-length", `a scalar has ${SCALAR_OCTETS} octets`);
  const value = integer(octets);
  if (value >= R) throw new Fault("non-canonical", "a scalar is not below the order");
  return value;
}

/** A scalar uniform in [1, r - 1], by drawing until one is in the range. */
export function randomScalar(random: Random): bigint {
  for (let draws = 0; draws < 256; draws++) {
    const octets = random(SCALAR_OCTETS);
    octets[0] = (octets[0] as number) & 0x7f; // r has 255 bits
    const value = integer(octets);
    octets.fill(0);
    if (value !== 0n && value < R) return value;
  }
  throw new Fault("parameter-error", "the source of randomness is broken");
}

/** k P for a secret k or a secret P. */
export function multiply(point: Point, scalar: bigint): Point {
  return scalar === 0n || point.is0() ? IDENTITY : point.multiply(scalar);
}

/** k P for public k and P, in a time that depends on both. */
export function multiplyPublic(point: Point, scalar: bigint): Point {
  return point.multiplyUnsafe(scalar);
}

/** a modulo r, from 0 on. */
export function modR(value: bigint): bigint {
  const rest = value % R;
  return rest < 0n ? rest + R : rest;
}

/** 1 / a modulo r for a public a (Fermat). */
export function invertPublic(value: bigint): bigint {
  let result = 1n;
  let base = modR(value);
  for (let exponent = R - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % R;
    base = (base * base) % R;
  }
  return result;
}
