// A network of D-TAs as its MFA server describes it: who they are, and which key they share. Spec: spec/issuing.md#key-views
//
// The server is believed which D-TAs there are: one that lies lets in whom it likes anyway, and what others issue is of no
// use elsewhere. Whose answer is whose is seen from the D-TAs' own identities, and whether a share is right from its proof.

import { Cid } from "./cid.ts";
import { codeOf, Fault } from "./fault.ts";
import type { NetworkAnswer, NodeAnswer } from "./messages.ts";
import { be, equal, frame, fromBase64url, hex } from "./octets.ts";
import { rely } from "./pki.ts";
import { readKeyRing, type SharedKey } from "./sharing.ts";
import { ENVELOPE_LABEL, HYBRID, VerifyingKey } from "./signatures.ts";

/** One D-TA: its index, its name for people, its identity, the keys that it signs with, and where it is. */
export interface Node {
  index: number;
  name: string;
  url: string;
  identity: Cid;
  signing: ReadonlyMap<string, VerifyingKey>;
}

/** Why a D-TA's answer was not taken, or none came. */
export interface NodeFault {
  name: string;
  reason: string;
  detail: string;
  code: string;
}

export interface Network {
  id: Cid;
  nodes: Node[];
  left: NodeFault[]; // D-TAs whose identity cannot be relied upon
}

/** The network in an answer of the MFA server; each identity verified from its bundle. */
export async function readNetwork(answer: NetworkAnswer): Promise<Network> {
  const nodes: Node[] = [];
  const left: NodeFault[] = [];
  for (const one of answer.nodes) {
    try {
      nodes.push(await readNode(one));
    } catch (error) {
      left.push({ name: one.name, reason: "left-out", detail: "its identity cannot be relied upon", code: codeOf(error) });
    }
  }
  return { id: Cid.fromText(answer.network), nodes, left };
}

async function readNode(answer: NodeAnswer): Promise<Node> {
  if (!isAllowed(answer.url)) throw new Fault("malformed-envelope", "a D-TA is reached by TLS, unless it is on this machine");
  const { identity, keys } = await rely(fromBase64url(answer.bundle));
  const signing = new Map<string, VerifyingKey>();
  for (const key of keys) {
    if (key.purpose !== "sign" || key.suite !== HYBRID) continue;
    const known = new VerifyingKey(key.public);
    signing.set(hex(known.envelopeId), known);
  }
  return { index: answer.index, name: answer.name, url: answer.url.replace(/\/+$/, ""), identity, signing };
}

function isAllowed(address: string): boolean {
  const { protocol, hostname, username, password, search, hash } = new URL(address);
  if (username || password || search || hash) return false;
  return protocol === "https:" || (protocol === "http:" && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname));
}

/** What a D-TA says of the network's keys. */
export interface KeyView {
  node: string;
  network: string;
  keys: string;
  at: number;
  signing_key: string;
  signature: string;
}

/** The keys in a D-TA's view, if it is of this node and network, and signed by it. */
export async function ringOf(network: Cid, node: Node, view: KeyView): Promise<SharedKey[]> {
  const signer = node.signing.get(hex(fromBase64url(view.signing_key)));
  if (signer === undefined || view.network !== network.text || view.node !== node.identity.text) {
    throw new Fault("invalid-signature", "the key view is not signed by this D-TA for this network");
  }
  const keys = fromBase64url(view.keys);
  const said = frame(network.octets, node.identity.octets, keys, be(view.at, 8));
  await signer.verify(fromBase64url(view.signature), ENVELOPE_LABEL, "issuing key view", said);
  return readKeyRing(keys);
}

/** The latest epoch of a known key that as many D-TAs as its threshold say alike: of so many at least one is honest. */
export function learned(known: SharedKey, rings: readonly SharedKey[][]): SharedKey {
  const said = new Map<string, { key: SharedKey; count: number }>();
  for (const ring of rings) {
    const own = new Set<string>();
    for (const key of ring) {
      const name = hex(key.octets);
      if (!equal(key.keyId, known.keyId) || own.has(name)) continue;
      own.add(name);
      const found = said.get(name) ?? { key, count: 0 };
      said.set(name, { key, count: found.count + 1 });
    }
  }
  let best = known;
  for (const { key, count } of said.values()) {
    if (count >= known.threshold && key.epoch > best.epoch) best = key;
  }
  return best;
}

