// The client of M-Pin v2: token, permit, two-pass login. Spec: spec/mpin.md
//
//   startLogin --> LoginStarted --answer(challenge, pin)--> PASS2           (a second answer: wrong-round)
//
//   token = CS - H1(frame(identity, pin), PIN_)     U = x T     V = -(x + y) SEC     SEC = token + H1(..) + TP = s T

import type { ClientKey } from "./client_key.ts";
import { Fault } from "./fault.ts";
import { decodePoint, encodePoint, modR, multiply, type Point, R, randomScalar } from "./g1.ts";
import { checkText, Identity } from "./identity.ts";
import { be, EMPTY, equal, frame, integer, type Octets, type Random, small, utf8, wipe } from "./octets.ts";
import { MPIN } from "./suite.ts";

const MAX_PIN = 1024;
const MAX_LIFETIME = 86400;
const LEEWAY = 5;

/** The octets of a PIN: UTF-8 in NFC. Spec: spec/mpin.md#pin */
export function pinOctets(pin: string): Octets {
  if (/\p{Cs}/u.test(pin)) throw new Fault("parameter-error", "a PIN holds a code point that is not a character");
  const octets = utf8(pin.normalize("NFC"));
  if (octets.length < 1 || octets.length > MAX_PIN) throw new Fault("parameter-error", `a PIN has 1 to ${MAX_PIN} octets`);
  return octets;
}

/** H1(frame(identity, pin), PIN_). Secret: the result. */
export function pinPoint(identity: Identity, pin: string): Point {
  const octets = pinOctets(pin);
  const message = frame(identity.octets, octets);
  try {
    return MPIN.hashToG1(message, "PIN_");
  } finally {
    wipe(octets, message);
  }
}

/** A = H1(identity, ID_). */
export function identityPoint(identity: Identity): Point {
  return MPIN.hashToG1(identity.octets, "ID_");
}

// -- slots ------------------------------------------------------------------------------------------------------------
/** AT = H1(frame(be(L, 4), be(slot, 8), identity), PERMIT_). Spec: spec/mpin.md#permits */
export function permitPoint(identity: Identity, slotSeconds: number, slot: number): Point {
  return MPIN.hashToG1(frame(be(slotSeconds, 4), be(slot, 8), identity.octets), "PERMIT_");
}

/** be(L, 4) || be(slot, 8). */
export function slotOctets(slotSeconds: number, slot: number): Octets {
  const octets = new Uint8Array(12);
  octets.set(be(slotSeconds, 4));
  octets.set(be(slot, 8), 4);
  return octets;
}

/** TP = s AT(slot), for one identity. */
export class Permit {
  readonly identity: Identity;
  readonly slotSeconds: number;
  readonly slot: number;
  readonly point: Point;
  constructor(identity: Identity, slotSeconds: number, slot: number, point: Point) {
    this.identity = identity;
    this.slotSeconds = slotSeconds;
    this.slot = slot;
    this.point = point;
  }

  toOctets(): Octets {
    const slot = slotOctets(this.slotSeconds, this.slot);
    return MPIN.labelled("TIME-PERMIT_", slot, this.identity.octets, encodePoint(this.point));
  }

  static fromOctets(octets: Uint8Array): Permit {
    const [slot, identity, point] = MPIN.fields("TIME-PERMIT_", octets, 3) as [Octets, Octets, Octets];
    if (slot.length !== 12) throw new Fault("malformed-envelope", "the time slot has another form");
    const number = Number(integer(slot.subarray(4)));
    return new Permit(Identity.fromOctets(identity), small(slot.subarray(0, 4)), number, decodePoint(point));
  }
}

// -- token ------------------------------------------------------------------------------------------------------------
/** What the device keeps: CS without the PIN's part. Spec: spec/mpin.md#pin */
export class Token {
  readonly identity: Identity;
  readonly point: Point;
  constructor(identity: Identity, point: Point) {
    this.identity = identity;
    this.point = point;
  }

  /** The token of a client secret under a PIN. */
  static of(identity: Identity, clientSecret: Point, pin: string): Token {
    return new Token(identity, clientSecret.subtract(pinPoint(identity, pin)));
  }

  /** The token under another PIN. A wrong old one is not noticed: log in first. */
  changed(old: string, next: string): Token {
    return Token.of(this.identity, this.point.add(pinPoint(this.identity, old)), next);
  }

  toOctets(): Octets {
    return MPIN.labelled("TOKEN_", this.identity.octets, encodePoint(this.point));
  }

  static fromOctets(octets: Uint8Array): Token {
    const [identity, point] = MPIN.fields("TOKEN_", octets, 2) as [Octets, Octets];
    return new Token(Identity.fromOctets(identity), decodePoint(point));
  }
}

// -- two-pass ---------------------------------------------------------------------------------------------------------
/** What a login is bound to. The origin is the one that the browser shows, never one that a server said. Spec: spec/mpin.md#transcript */
export interface Context {
  server: string;
  origin: string;
  relyingParty: string;
}

function contextFields(context: Context): string[] {
  return [
    checkText("server", context.server, 512),
    checkText("origin", context.origin, 512),
    checkText("relying party", context.relyingParty, 512),
  ];
}

/** The first pass: U = x T for a fresh x, signed with the context that the client sees. Draws the nonce, then x. */
export async function startLogin(
  token: Token,
  key: ClientKey,
  context: Context,
  now: number,
  random: Random,
  permit: Permit | null,
): Promise<LoginStarted> {
  const { identity } = token;
  if (context.server !== identity.realm) throw new Fault("parameter-error", "the identity is for another server");
  if (permit !== null && !equal(permit.identity.octets, identity.octets)) {
    throw new Fault("parameter-error", "the permit is of another identity");
  }
  const slot = permit === null ? EMPTY : slotOctets(permit.slotSeconds, permit.slot);
  const nonce = random(32);
  const x = randomScalar(random);
  const A = identityPoint(identity);
  const T = permit === null ? A : A.add(permitPoint(identity, permit.slotSeconds, permit.slot));
  const U = encodePoint(multiply(T, x));
  const fields = contextFields(context);
  const signed = frame(MPIN.dst("PASS1_"), ...fields, identity.octets, slot, U, nonce);
  const signature = await key.sign(signed);
  const message = MPIN.labelled("PASS1_", identity.octets, slot, U, nonce, signature);
  return new LoginStarted({ token, key, fields, permit, x, started: now, slot, U, nonce, message });
}

interface Started {
  token: Token;
  key: ClientKey;
  fields: string[];
  permit: Permit | null;
  x: bigint;
  started: number;
  slot: Octets;
  U: Octets;
  nonce: Octets;
  message: Octets;
}

/** A client between its two passes. It answers one challenge, once: two answers under one x would give SEC away. */
export class LoginStarted {
  private state: Started | null;
  readonly message: Octets;
  constructor(state: Started) {
    this.state = state;
    this.message = state.message;
  }

  /** The second pass: V = -(x + y) SEC, signed over both passes. Spec: spec/mpin.md#two-pass */
  async answer(ask: Uint8Array, pin: string, now: number): Promise<Octets> {
    const [session, nonce, lifetime] = MPIN.fields("ASK_", ask, 3) as [Octets, Octets, Octets];
    const state = this.take(session, nonce, lifetime, now);
    const { identity } = state.token;
    const y = MPIN.hashToScalar(
      frame(
        MPIN.id, ...state.fields, session, nonce, lifetime, identity.octets, identity.publicKey, state.slot, state.U, state.nonce,
      ),
      "CHALLENGE_",
    );
    const sum = modR(state.x + y);
    if (y === 0n || sum === 0n) throw new Fault("wrong-round", "the challenge cannot be answered; start again");
    const whole = state.token.point.add(pinPoint(identity, pin));
    const secret = state.permit === null ? whole : whole.add(state.permit.point);
    const V = encodePoint(multiply(secret, R - sum));
    const signed = frame(MPIN.dst("PASS2_"), ...state.fields, state.message, ask, session, V);
    return MPIN.labelled("PASS2_", session, V, await state.key.sign(signed));
  }

  private take(session: Octets, nonce: Octets, lifetime: Octets, now: number): Started {
    if (session.length !== 16 || nonce.length !== 32 || lifetime.length !== 4) {
      throw new Fault("wrong-length", "a field of the challenge has another length");
    }
    const seconds = small(lifetime);
    if (seconds < 1 || seconds > MAX_LIFETIME) throw new Fault("malformed-envelope", "a session lasts from a second to a day");
    const state = this.state;
    if (state === null) throw new Fault("wrong-round", "this login has answered its challenge");
    if (now < state.started - LEEWAY || now > state.started + seconds) {
      throw new Fault("expired", "the session is over; start again");
    }
    this.state = null;
    return state;
  }
}
