// The shipped core against the vectors of the project: everything that the client computes or checks.

import { bls12_381 } from "@noble/curves/bls12-381.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import * as milagro from "../dist/milagro-client.js";
import { cases, codeFor, octets, stream } from "./vectors.mjs";

const { hex } = milagro;

/** What a case says: the value that comes out, or the refusal. */
async function judge(one, work) {
  if (one.refused === undefined) return work();
  await assert.rejects(async () => work(), ({ code }) => code === codeFor(one.refused.error), `${one.id}: ${one.refused.error}`);
}

function keyOf(algorithm, octetsOfKey) {
  if (algorithm === "ed25519") {
    return { algorithm, publicKey: ed25519.getPublicKey(octetsOfKey), sign: async (message) => ed25519.sign(message, octetsOfKey) };
  }
  const options = { lowS: false, prehash: true };
  const publicKey = p256.getPublicKey(octetsOfKey, false);
  return { algorithm, publicKey, sign: async (message) => p256.sign(message, octetsOfKey, options) };
}

// -- CBOR -------------------------------------------------------------------------------------------------------------
test("deterministic CBOR decodes and encodes to the same octets", () => {
  const good = cases("cbor/deterministic", "cbor.decode");
  for (const { inputs } of good) {
    const value = milagro.decodeCbor(octets(inputs.octets), undefined, inputs.tags);
    assert.equal(hex(milagro.encodeCbor(value)), inputs.octets);
  }
  assert.ok(good.length > 30);
});

for (const one of cases("cbor/refusals", "cbor.decode")) {
  const { most_octets = 1 << 20, most_items = 1 << 16, depth = 16, tags = [] } = one.inputs;
  const limits = { octets: most_octets, items: most_items, depth };
  test(`CBOR refuses ${one.id}`, () => judge(one, () => milagro.decodeCbor(octets(one.inputs.octets), limits, tags)));
}

// -- the group --------------------------------------------------------------------------------------------------------
test("hash_to_curve and hash_to_field are those of RFC 9380", () => {
  const points = cases("curves/hash-to-curve", "hash-to-curve").filter(
    ({ inputs, refused }) => inputs.group === "G1" && inputs.mode === "RO" && inputs.expander === "xmd:sha256" && !refused,
  );
  for (const { inputs, expected } of points) {
    const { x, y } = milagro.hashToG1(new TextEncoder().encode(inputs.message), inputs.dst).toAffine();
    assert.deepEqual([x, y].map((one) => one.toString(16).padStart(96, "0")), expected.P, inputs.message);
  }
  const scalars = cases("curves/hash-to-curve", "hash-to-scalar").filter(({ inputs, refused }) => inputs.expander === "xmd:sha256" && !refused);
  for (const { inputs, expected } of scalars) {
    const k = milagro.hashToScalar(new TextEncoder().encode(inputs.message), inputs.dst);
    assert.equal(k.toString(16).padStart(64, "0"), expected.k);
  }
  assert.ok(points.length === 3 && scalars.length === 3);
});

test("points that are no points of G1 are refused by name", async () => {
  const bad = cases("curves/refusals").filter(
    ({ operation, inputs }) => /g1/i.test(operation + JSON.stringify(inputs)) && (inputs.octets?.length === 96) && (inputs.encoding ?? "zcash") === "zcash",
  );
  for (const one of bad) await judge(one, () => milagro.decodePoint(octets(one.inputs.octets)));
  assert.ok(bad.length > 4, `${bad.length}`);
});

// -- M-Pin ------------------------------------------------------------------------------------------------------------
test("identities hash to the same point, and have one encoding", async () => {
  const ours = ({ inputs, refused }) => !refused && (inputs.hash ?? "sha256") === "sha256";
  for (const { expected } of cases("mpin-v2/identity", "mpin-v2.identity").filter(ours)) {
    const identity = milagro.Identity.fromOctets(octets(expected.identity));
    assert.equal(hex(identity.digest), expected.digest);
    assert.equal(hex(milagro.encodePoint(milagro.identityPoint(identity))), expected.A);
    assert.equal(hex(identity.publicKey), expected.public_key);
  }
  for (const one of cases("mpin-v2/identity", "mpin-v2.read-identity")) {
    const read = Buffer.from(one.inputs.identity, "hex").includes("BLS12381G1_XMD:SHA-256_");
    if (!one.refused && read) milagro.Identity.fromOctets(octets(one.inputs.identity));
    else assert.throws(() => milagro.Identity.fromOctets(octets(one.inputs.identity)), milagro.Fault, one.id);
  }
});

test("tokens, and tokens under another PIN", async () => {
  for (const one of cases("mpin-v2/pin", "mpin-v2.token").filter(({ inputs }) => inputs.pin !== undefined)) {
    await judge(one, () => {
      const [, identity, point] = milagro.unframe(octets(one.inputs.client_secret), 3); // the client does not store one
      const token = milagro.Token.of(milagro.Identity.fromOctets(identity), milagro.decodePoint(point), one.inputs.pin);
      assert.equal(hex(token.toOctets()), one.expected.token, one.id);
    });
  }
  for (const one of cases("mpin-v2/pin", "mpin-v2.change-pin")) {
    const token = milagro.Token.fromOctets(octets(one.inputs.token)).changed(one.inputs.old, one.inputs.new);
    assert.equal(hex(token.toOctets()), one.expected.token);
  }
});

test("the points of permits, and slots", () => {
  for (const { inputs, expected } of cases("mpin-v2/permits", "mpin-v2.permit-point")) {
    const point = milagro.permitPoint(milagro.Identity.fromOctets(octets(inputs.identity)), inputs.slot_seconds, inputs.slot);
    assert.equal(hex(milagro.encodePoint(point)), expected.AT);
    assert.equal(hex(milagro.slotOctets(inputs.slot_seconds, inputs.slot)), expected.slot_octets);
  }
});

async function started({ inputs }) {
  const token = milagro.Token.fromOctets(octets(inputs.token));
  const permit = inputs.permit === undefined ? null : milagro.Permit.fromOctets(octets(inputs.permit));
  const context = { server: inputs.server, origin: inputs.origin, relyingParty: inputs.relying_party };
  const key = keyOf(inputs.algorithm, octets(inputs.key));
  return milagro.startLogin(token, key, context, inputs.now, stream(inputs.random), permit);
}

for (const one of cases("mpin-v2/two-pass", "mpin-v2.answer")) {
  test(`two passes: ${one.id}`, () =>
    judge(one, async () => {
      const login = await started(one);
      assert.equal(hex(login.message), one.expected?.pass_one ?? hex(login.message));
      const answer = await login.answer(octets(one.inputs.ask), one.inputs.pin, one.inputs.answered_at);
      assert.equal(hex(answer), one.expected.pass_two);
    }));
}

test("a login answers one challenge", async () => {
  const one = cases("mpin-v2/two-pass", "mpin-v2.answer").find(({ refused }) => !refused);
  const login = await started(one);
  await login.answer(octets(one.inputs.ask), one.inputs.pin, one.inputs.answered_at);
  await assert.rejects(login.answer(octets(one.inputs.ask), one.inputs.pin, one.inputs.answered_at), { code: "wrong-round" });
});

// -- issuing ----------------------------------------------------------------------------------------------------------
test("requests and answers of issuing", async () => {
  for (const { inputs, expected } of cases("issuing/requests", "issuing.request")) {
    const [network, node] = [milagro.Cid.fromText(inputs.network), milagro.Cid.fromText(inputs.node)];
    const fields = ["ticket", "reply", "identity"].map((name) => octets(inputs[name] ?? ""));
    const statement = milagro.statementOf(network, node, ...fields);
    assert.equal(hex(statement), expected.statement);
    assert.equal(milagro.answerContext(network, octets(expected.digest)), expected.context);
  }
  for (const one of cases("issuing/requests", "issuing.read-answer")) {
    await judge(one, () => {
      const issued = milagro.readIssued(octets(one.inputs.payload));
      assert.deepEqual(
        { epoch: issued.epoch, key_id: hex(issued.keyId), purpose: issued.purpose, share: hex(issued.share) },
        one.expected,
      );
    });
  }
});

for (const one of cases("sharing/issuing", "sharing.combine-client-shares")) {
  test(`shares: ${one.id}`, async () => {
    const key = new milagro.SharedKey(octets(one.inputs.key));
    const A = milagro.decodePoint(octets(one.inputs.A));
    const combined = () => {
      const shares = one.inputs.shares.map((share) => milagro.readClientShare(octets(share)));
      shares.forEach((share) => milagro.checkClientShare(key, share, A, octets(one.inputs.context)));
      return hex(milagro.encodePoint(milagro.combineClientShares(key, shares)));
    };
    if (!one.refused) assert.equal(combined(), one.expected.client_secret);
    else assert.throws(combined, milagro.Fault);
  });
}

test("a share of another point is refused, whatever its maker knows", () => {
  const A = milagro.hashToG1(octets("00"), "a point of somebody");
  const P1 = milagro.GENERATOR;
  const [secret, nonce] = [1234567n, 7654321n];
  const encoded = milagro.encodePoint(P1.multiply(secret));
  const tag = "SHARING-V1_BLS12381G1_XMD:SHA-256_SSWU_RO_";
  const numbers = [octets("00".repeat(16)), octets("00000000"), octets("0001")];
  const key = new milagro.SharedKey(milagro.frame(`${tag}SHARED-KEY_`, ...numbers, octets("0001"), milagro.frame(encoded)));
  const context = octets("aa");
  const made = (Y, TA) => {
    const T = P1.multiply(nonce);
    const bound = milagro.frame(`${tag}ISSUE_`, ...numbers, octets("0001"), context);
    const c = milagro.hashToScalar(milagro.frame(bound, ...[P1.multiply(secret), A, Y, T, TA].map(milagro.encodePoint)), `${tag}DLEQ_`);
    const z = (nonce + c * secret) % bls12_381.fields.Fr.ORDER;
    const proof = milagro.frame(milagro.encodePoint(T), milagro.encodePoint(TA), octets(z.toString(16).padStart(64, "0")));
    const body = milagro.frame(`${tag}CLIENT-SHARE_`, ...numbers, octets("0001"), milagro.encodePoint(A), milagro.encodePoint(Y), proof);
    const head = octets(`01${(25 + body.length).toString(16).padStart(16, "0")}`);
    const whole = Buffer.concat([head, body]);
    return milagro.readClientShare(new Uint8Array(Buffer.concat([whole, Buffer.from(sha256(whole)).subarray(0, 16)])));
  };
  milagro.checkClientShare(key, made(A.multiply(secret), A.multiply(nonce)), A, context);
  for (const [Y, TA] of [[A.multiply(secret + 1n), A.multiply(nonce)], [A.multiply(secret), A.multiply(nonce + 1n)]]) {
    assert.throws(() => milagro.checkClientShare(key, made(Y, TA), A, context), { code: "invalid-proof" });
  }
});

// -- envelope ---------------------------------------------------------------------------------------------------------
async function encryptionKey(octetsOfKey) {
  return milagro.EncryptionKey.of(octetsOfKey, x25519.getPublicKey(octetsOfKey.slice(64)));
}

for (const one of cases("envelope/keys", "envelope.open-slot").filter(({ inputs }) => inputs.suite === "MLKEM768-X25519.1")) {
  test(`slots: ${one.id}`, () =>
    judge(one, async () => {
      const key = await encryptionKey(octets(one.inputs.key));
      assert.equal(hex(await key.openSlot(octets(one.inputs.slot))), one.expected.secret);
    }));
}

/** The vectors are signed with BLS, which always gives the same; our D-TAs sign otherwise, and the client has no pairing. */
function blsSender(octetsOfKey) {
  const { longSignatures } = bls12_381;
  const id = Buffer.from(sha256(milagro.frame("milagro envelope v1", "signing key", "BLS12-381-AUG.1", octetsOfKey)));
  const verify = async (signature, label, purpose, ...fields) => {
    const message = Buffer.concat([octetsOfKey, milagro.frame(label, "BLS12-381-AUG.1", purpose, ...fields)]);
    const point = longSignatures.hash(message, "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_AUG_");
    let holds = false;
    try {
      holds = longSignatures.verify(signature, point, octetsOfKey);
    } catch {
      holds = false;
    }
    if (!holds) throw new milagro.Fault("invalid-signature", "the signature does not hold");
  };
  return [id.toString("hex"), { signatureOctets: 96, verify }];
}

const OURS = "MLKEM768-X25519.1";
for (const one of cases("envelope/refusals", "envelope.open")) {
  const files = one.inputs.keys.map((file) => milagro.decodeCbor(octets(file)));
  const isRetired = one.refused?.error === "RetiredSuite" || one.inputs.allow_retired !== undefined;
  if (isRetired || files.some((file) => file.get(3) !== OURS)) continue; // of a suite that this client does not have
  test(`envelopes: ${one.id}`, () =>
    judge(one, async () => {
      const keys = await Promise.all(files.map((file) => encryptionKey(file.get(4))));
      const senders = new Map(one.inputs.senders.map((file) => blsSender(milagro.decodeCbor(octets(file)).get(2))));
      const payload = await milagro.openEnvelope(octets(one.inputs.envelope), { keys, senders, context: one.inputs.context });
      assert.equal(hex(payload), one.expected.payload);
    }));
}

test("lengths are padded as in the format", () => {
  const { inputs, expected } = cases("envelope/padding").find(({ expected }) => expected?.padded?.[2] === 2);
  const lengths = inputs.lengths ?? expected.padded.map((_, length) => length);
  lengths.forEach((length, at) => {
    if (length < 2 ** 31) assert.equal(milagro.padme(length), expected.padded[at]);
  });
});

// -- identities of D-TAs ----------------------------------------------------------------------------------------------
function bundleOf({ identity, blocks }) {
  const read = [...new Set(blocks)].map(octets).map((block) => ({ block, operation: milagro.decodeCbor(block, undefined, [42]).get("operation") }));
  read.sort((left, right) => {
    const [a, b] = [left, right].map(({ operation }) => operation.get("sequence") ?? 0);
    return a - b || Buffer.compare(milagro.Cid.ofBlock(left.block).octets, milagro.Cid.ofBlock(right.block).octets);
  });
  const link = new milagro.Tag(42, new Uint8Array([0, ...milagro.Cid.fromText(identity).octets]));
  return milagro.encodeCbor(
    new Map([["type", "milagro-id-bundle-1"], ["identity", link], ["operations", read.map(({ block }) => block)], ["receipts", []]]),
  );
}

for (const one of cases("signed/identity", "pki.resolve")) {
  test(`identities: ${one.id}`, async () => {
    const { expected } = one;
    const told = expected?.metadata;
    const contradictory = told === undefined || told === null;
    const waiting = (told?.milagro.waiting ?? []).length > 0;
    const rivals = (told?.milagro.forks ?? []).some((fork) => JSON.stringify(fork).includes("rotations"));
    const work = async () => milagro.rely(bundleOf(one.inputs));
    if (one.refused || contradictory || waiting || rivals || told.deactivated) return assert.rejects(work, milagro.Fault);
    assert.deepEqual((await work()).keys.map(({ id }) => hex(id)).sort(), expected.keys);
  });
}

for (const one of cases("signed/identity", "pki.document").filter(({ inputs }) => inputs.bundle)) {
  test(`bundles: ${one.id}`, async () => {
    const work = () => milagro.rely(octets(one.inputs.bundle));
    const retired = one.expected?.document.verificationMethod.length === 0;
    if (one.refused || retired) await assert.rejects(work, milagro.Fault);
    else assert.equal((await work()).identity.text, one.expected.document.id.split(":")[2]);
  });
}
