// Identities of D-TAs: a bundle of signed operations, and the keys that it lists. Spec: spec/dpki.md
//
// Checked here, as by the Python client: every block is the one encoding of its fields and named by its CID; every link,
// sequence number and signature; that a rotation brings in the key that was committed to; which operations remain after
// rotations; revocations. The identity itself is the CID of its first block.
// Not used here: receipts of witnesses. So an identity with two rotations of one key is refused outright, where the
// Python client asks whether one of them has enough receipts: stricter, never laxer.

import { decode, encode, Fields, type Value } from "./cbor.ts";
import { Cid, LINK_TAG } from "./cid.ts";
import { Fault } from "./fault.ts";
import { compare, equal, frame, hex, type Octets, sha256 } from "./octets.ts";
import { PUBLIC_OCTETS, SIGNATURE_OCTETS, VerifyingKey } from "./signatures.ts";

const LABEL = "milagro id v1";
const BLOCK = { octets: 65536, items: 2048, depth: 6 };
const BUNDLE = { octets: 64 << 20, items: 1 << 16, depth: 4 };
const MAX_TIME = Number.MAX_SAFE_INTEGER;
const PURPOSES = ["sign", "encrypt", "bls", "mpin"];

/** A public key that an identity uses. */
export interface ListedKey {
  id: Octets;
  purpose: string;
  suite: string;
  public: Octets;
}

/** An identity that may be relied upon, and its keys. */
export interface Relied {
  identity: Cid;
  keys: ListedKey[];
}

// -- blocks -----------------------------------------------------------------------------------------------------------
interface Edit {
  add?: ListedKey;
  revoke?: Octets;
}

interface Block {
  cid: Cid;
  kind: string;
  previous: Cid[];
  sequence: number;
  identity: Cid;
  control: VerifyingKey | null;
  next: Octets | null;
  edits: Edit[];
  signed: Octets;
  signature: Octets;
}

function readBlock(octets: Octets): Block {
  const fields = new Fields(decode(octets, BLOCK, [LINK_TAG]), "an identity's block");
  const signature = fields.octets("signature", SIGNATURE_OCTETS, SIGNATURE_OCTETS);
  const value = fields.value("operation");
  fields.finish();
  const operation = new Fields(value, "an operation");
  if (operation.text("type") !== "milagro-id-1") throw new Fault("malformed-envelope", "the block is of another type");
  const kind = operation.text("kind");
  if (!["create", "change", "rotate", "retire"].includes(kind)) {
    throw new Fault("malformed-envelope", "no operation is of this kind");
  }
  operation.integer("time", 0, MAX_TIME);
  const cid = Cid.ofBlock(octets);
  const rooted = kind === "create" || kind === "rotate";
  const control = rooted ? new VerifyingKey(operation.octets("control", PUBLIC_OCTETS, PUBLIC_OCTETS)) : null;
  const next = rooted ? operation.octets("next", 32, 32) : null;
  if (control !== null && equal(next as Octets, nextDigest(control))) {
    throw new Fault("malformed-envelope", "the next control key is this one again");
  }
  if (rooted && operation.has("witnesses")) readWitnesses(operation.value("witnesses"));
  const edits = kind === "retire" ? [] : operation.array("edits", rooted ? 0 : 1, 32).map(readEdit);
  const place = kind === "create" ? { identity: cid, previous: [], sequence: 0 } : readPlace(operation);
  operation.finish();
  return { cid, kind, ...place, control, next, edits, signed: encode(value), signature };
}

function nextDigest(control: VerifyingKey): Octets {
  return sha256(frame(LABEL, "next control key", control.octets));
}

function readPlace(operation: Fields): { identity: Cid; previous: Cid[]; sequence: number } {
  const identity = Cid.fromLink(operation.value("identity"));
  const previous = operation.array("previous", 1, 8).map(Cid.fromLink);
  for (let at = 1; at < previous.length; at++) {
    if (compare((previous[at - 1] as Cid).octets, (previous[at] as Cid).octets) >= 0) {
      throw new Fault("malformed-envelope", "the operations before are not in the order of their names");
    }
  }
  return { identity, previous, sequence: operation.integer("sequence", 1, MAX_TIME) };
}

function readWitnesses(value: Value): void {
  const fields = new Fields(value, "witnesses");
  const threshold = fields.integer("threshold", 1, 16);
  const keys = fields.array("keys", 1, 16);
  fields.finish();
  const names = new Set(keys.map((key) => hex(new VerifyingKey(key instanceof Uint8Array ? key : new Uint8Array(0)).octets)));
  if (names.size !== keys.length || 2 * threshold <= keys.length || threshold > keys.length) {
    throw new Fault("malformed-envelope", "the threshold of witnesses is not more than half of them");
  }
}

function readEdit(value: Value): Edit {
  const fields = new Fields(value, "an edit");
  const kind = fields.text("edit");
  const edit: Edit = {};
  if (kind === "add-key") edit.add = readKey(fields.value("key"));
  else if (kind === "revoke-key") edit.revoke = fields.octets("key", 16, 16);
  else if (kind === "set-service") ["name", "type", "endpoint"].forEach((name) => fields.text(name, 1, 1024));
  else if (kind === "remove-service") fields.text("name", 1, 256);
  else if (kind === "attest" || kind === "withdraw") {
    Cid.fromLink(fields.value("subject"));
    fields.text("claim", 1, 1024);
  } else throw new Fault("malformed-envelope", "no edit is called so");
  fields.finish();
  return edit;
}

function readKey(value: Value): ListedKey {
  const fields = new Fields(value, "a key");
  const purpose = fields.text("purpose");
  const suite = fields.text("suite", 1, 256);
  const octets = fields.octets("public", 1, 4096);
  fields.finish();
  if (!PURPOSES.includes(purpose)) throw new Fault("malformed-envelope", "no key has this purpose");
  return { id: sha256(frame(purpose, suite, octets)).slice(0, 16) as Octets, purpose, suite, public: octets };
}

// -- the log ----------------------------------------------------------------------------------------------------------
class Log {
  readonly blocks = new Map<string, Block>();
  private readonly roots = new Map<string, string>();
  private readonly before = new Map<string, Set<string>>();
  readonly identity: Cid;
  constructor(identity: Cid) {
    this.identity = identity;
  }

  /** Takes a block whose predecessors are here. Spec: spec/dpki.md#log */
  async add(octets: Octets): Promise<Block> {
    const block = readBlock(octets);
    const name = block.cid.text;
    if (!block.identity.equals(this.identity) || this.blocks.has(name)) {
      throw new Fault("broken-chain", "the operation is another identity's, or stands twice");
    }
    const root = this.rootOf(block);
    const signer = block.control ?? (this.blocks.get(root) as Block).control;
    await (signer as VerifyingKey).verify(block.signature, LABEL, "operation", block.signed);
    const before = new Set<string>();
    for (const cid of block.previous) {
      before.add(cid.text);
      for (const earlier of this.before.get(cid.text) as Set<string>) before.add(earlier);
    }
    this.blocks.set(name, block);
    this.roots.set(name, root);
    this.before.set(name, before);
    return block;
  }

  private rootOf(block: Block): string {
    if (block.kind === "create") return block.cid.text;
    const previous = block.previous.map((cid) => {
      const found = this.blocks.get(cid.text);
      if (found === undefined) throw new Fault("non-canonical", "the bundle is not complete and in order");
      return found;
    });
    if (block.sequence !== 1 + Math.max(...previous.map((one) => one.sequence))) {
      throw new Fault("broken-chain", "the sequence number does not continue the operations before it");
    }
    if (previous.some((one) => one.kind === "retire")) throw new Fault("broken-chain", "nothing follows a retirement");
    if (previous.some((one) => previous.some((other) => this.isBefore(one, other)))) {
      throw new Fault("broken-chain", "one of the operations before comes before another of them");
    }
    const roots = new Set(previous.map((one) => (one.control === null ? (this.roots.get(one.cid.text) as string) : one.cid.text)));
    const [root] = roots;
    if (roots.size !== 1 || root === undefined) throw new Fault("broken-chain", "the operation follows two control keys");
    if (block.kind === "rotate") this.checkRotation(block, this.blocks.get(root) as Block);
    return root;
  }

  private checkRotation(block: Block, root: Block): void {
    if (!equal(nextDigest(block.control as VerifyingKey), root.next as Octets)) {
      throw new Fault("broken-chain", "the new control key is not the one that was committed to");
    }
  }

  isBefore(earlier: Block, later: Block): boolean {
    return this.before.get(later.cid.text)?.has(earlier.cid.text) ?? false;
  }

  /** The operations that remain, in order. Spec: spec/dpki.md#resolution */
  remaining(): Block[] {
    const kept = new Set<string>();
    let root: string | undefined = this.identity.text;
    while (root !== undefined) {
      const here: string = root;
      kept.add(here);
      const under = [...this.blocks.values()].filter(({ cid }) => cid.text !== here && this.roots.get(cid.text) === here);
      const rotations = under.filter(({ kind }) => kind === "rotate");
      if (rotations.length > 1) throw new Fault("broken-chain", "the identity has rotations that contradict each other");
      const [rotation] = rotations;
      for (const block of under) {
        if (block.kind !== "rotate" && (rotation === undefined || this.isBefore(block, rotation))) kept.add(block.cid.text);
      }
      root = rotation?.cid.text;
    }
    return [...this.blocks.values()].filter(({ cid }) => kept.has(cid.text));
  }
}

/** The keys of the identity in a bundle, every signature checked; refused if retired or contradictory. Spec: spec/dpki.md#bundles */
export async function rely(bundle: Uint8Array): Promise<Relied> {
  const fields = new Fields(decode(bundle, BUNDLE, [LINK_TAG]), "a bundle");
  if (fields.text("type") !== "milagro-id-bundle-1") throw new Fault("malformed-envelope", "this is no bundle");
  const log = new Log(Cid.fromLink(fields.value("identity")));
  const operations = fields.array("operations", 1, 4096);
  fields.array("receipts", 0, 16384);
  fields.finish();
  let last: Block | null = null;
  for (const octets of operations) {
    if (!(octets instanceof Uint8Array)) throw new Fault("malformed-envelope", "a bundle holds octet strings");
    const block = await log.add(octets);
    if (last !== null && (last.sequence - block.sequence || compare(last.cid.octets, block.cid.octets)) > 0) {
      throw new Fault("non-canonical", "the bundle is not complete and in order");
    }
    last = block;
  }
  if (!log.blocks.has(log.identity.text)) throw new Fault("non-canonical", "the bundle is not complete and in order");
  return { identity: log.identity, keys: stateOf(log.remaining()) };
}

/** Spec: spec/dpki.md#state */
function stateOf(remaining: Block[]): ListedKey[] {
  if (remaining.some(({ kind }) => kind === "retire")) throw new Fault("broken-chain", "the identity is retired");
  const keys = new Map<string, ListedKey>();
  const revoked = new Set<string>();
  for (const { add, revoke } of remaining.flatMap(({ edits }) => edits)) {
    if (add !== undefined) keys.set(hex(add.id), add);
    if (revoke !== undefined) revoked.add(hex(revoke));
  }
  return [...keys].filter(([name]) => !revoked.has(name)).map(([, key]) => key);
}
