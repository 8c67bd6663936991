// The side that asks: all n D-TAs at once, each answer verified, the first t good ones combined, the others reported.
// Spec: spec/issuing.md
//
//   ask all --> open --> key and epoch --> proof --> t good: combine
//                             |                      too few: learn the keys anew, ask again, until the time is over
//                             +--> another epoch

import { decode, Fields } from "./cbor.ts";
import type { ClientKey } from "./client_key.ts";
import { ENCRYPTION_SUITE, EncryptionKey } from "./encryption.ts";
import { openEnvelope } from "./envelope.ts";
import { codeOf, Fault } from "./fault.ts";
import type { Point } from "./g1.ts";
import { ask, NoAnswer } from "./http.ts";
import { identityPoint, permitPoint } from "./mpin.ts";
import type { Identity } from "./identity.ts";
import { type KeyView, learned, type Network, type Node, type NodeFault, ringOf } from "./network.ts";
import { equal, frame, fromBase64url, hex, type Octets, random, sha256, toBase64url } from "./octets.ts";
import { checkClientShare, type ClientShare, combineClientShares, readClientShare, type SharedKey } from "./sharing.ts";

const REQUEST_LABEL = "milagro issue request v1";
const ANSWER_LABEL = "milagro share v1";
const FIRST_PAUSE = 0.1;
const LONGEST_PAUSE = 3;

/** Seconds: for one answer, for everything, and to hear the others out once enough are good. */
export interface Patience {
  answer: number;
  overall: number;
  linger: number;
}
export const PATIENCE: Patience = { answer: 5, overall: 20, linger: 0.3 };

/** Who asks, and with what. */
export interface Holder {
  identity: Identity;
  key: ClientKey;
  ticket: Octets;
}

/** What is asked of one D-TA. Spec: spec/issuing.md#requests */
export function statementOf(network: Network["id"], node: Node["identity"], ticket: Octets, reply: Octets, identity: Octets): Octets {
  const suite = reply.length === 0 ? "" : ENCRYPTION_SUITE;
  return frame(REQUEST_LABEL, network.octets, node.octets, sha256(ticket), suite, reply, identity);
}

/** What is inside an answer. Spec: spec/issuing.md#answers */
export interface Issued {
  purpose: string;
  keyId: Octets;
  epoch: number;
  share: Octets;
}

export function readIssued(payload: Octets): Issued {
  const fields = new Fields(decode(payload), "the answer");
  fields.integer(0, 1, 1);
  const purpose = fields.text(1, 1, 32);
  if (!["client-share", "permit", "server-share", "sender-key", "receiver-key"].includes(purpose)) {
    throw new Fault("malformed-envelope", "the answer is for an unknown purpose");
  }
  const issued = { purpose, keyId: fields.octets(2, 32, 32), epoch: fields.integer(3, 0, 0xffffffff), share: fields.octets(4, 1, 8192) };
  fields.finish();
  return issued;
}

/** The context of the answer to a request: it fits this one and no other. */
export function answerContext(network: Network["id"], digest: Octets): string {
  return `${ANSWER_LABEL} ${network.text} ${hex(digest)}`;
}

/** Asks the D-TAs of one network. */
export class Requester {
  /** D-TAs that were passed over since the last question, each with the reason. */
  bad: NodeFault[] = [];
  private readonly network: Network;
  private key: SharedKey;
  private readonly patience: Patience;
  constructor(network: Network, key: SharedKey, patience: Patience = PATIENCE) {
    this.network = network;
    this.key = key;
    this.patience = patience;
  }

  /** s A for the holder of the identity's key. Secret: the result. */
  clientSecret(holder: Holder): Promise<Point> {
    return this.run(holder, "client-share", identityPoint(holder.identity));
  }

  /** s AT(slot) for the holder of the identity's key. */
  permit(holder: Holder, slotSeconds: number, slot: number): Promise<Point> {
    return this.run(holder, "permit", permitPoint(holder.identity, slotSeconds, slot));
  }

  private async run(holder: Holder, purpose: string, A: Point): Promise<Point> {
    const deadline = now() + this.patience.overall;
    const reply = await EncryptionKey.generate(random);
    try {
      return await this.until(new Question(this.network, holder, reply, purpose, A, this.patience), deadline);
    } finally {
      reply.forget();
    }
  }

  /** The combined secret; asks again while answers are of epochs that are not known here, and there is time. */
  private async until(question: Question, deadline: number): Promise<Point> {
    let pause = FIRST_PAUSE;
    for (;;) {
      const { key } = this;
      const { good, bad } = await question.round(key, deadline);
      this.bad = [...this.network.left, ...bad];
      if (good.length >= key.threshold) return combineClientShares(key, good);
      const moving = bad.some(({ reason }) => reason === "other-epoch");
      if (!moving && !bad.some(({ code }) => code === "key-over")) throw this.tooFew(good.length);
      await this.learn(deadline);
      if (this.key !== key) continue;
      if (!moving || now() + pause >= deadline) throw this.tooFew(good.length);
      await sleep(jittered(pause));
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
  }

  private tooFew(good: number): Fault {
    const said = this.bad.map(({ name, reason, detail }) => `${name}: ${reason} (${detail})`).join("; ");
    return new Fault("too-few-answers", `${good} of ${this.key.threshold} D-TAs answered well: ${said}`);
  }

  private async learn(deadline: number): Promise<void> {
    const rings = await Promise.all(this.network.nodes.map((node) => this.heard(node, deadline)));
    this.key = learned(this.key, rings);
  }

  private async heard(node: Node, deadline: number): Promise<SharedKey[]> {
    const seconds = Math.max(0.001, Math.min(this.patience.answer, deadline - now()));
    try {
      const view = await ask(`${node.url}/v1/keys`, { method: "GET", credentials: "omit", seconds });
      return await ringOf(this.network.id, node, view as KeyView);
    } catch {
      return [];
    }
  }
}

interface Heard {
  good: ClientShare[];
  bad: NodeFault[];
}

/** One question to all D-TAs; the request to each is the same however often it is sent. */
class Question {
  private readonly last = new Map<Node, NodeFault>();
  private readonly network: Network;
  private readonly holder: Holder;
  private readonly reply: EncryptionKey;
  private readonly purpose: string;
  private readonly A: Point;
  private readonly patience: Patience;
  constructor(network: Network, holder: Holder, reply: EncryptionKey, purpose: string, A: Point, patience: Patience) {
    this.network = network;
    this.holder = holder;
    this.reply = reply;
    this.purpose = purpose;
    this.A = A;
    this.patience = patience;
  }

  /** The good shares in the order in which they came, and what was wrong with the others. */
  round(key: SharedKey, deadline: number): Promise<Heard> {
    const over = new AbortController();
    const heard: Heard = { good: [], bad: [] };
    let waiting = this.network.nodes.length;
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        resolve(heard);
        over.abort();
      };
      let timer = setTimeout(finish, Math.max(0, 1000 * (deadline - now())));
      if (waiting === 0) finish();
      for (const node of this.network.nodes) {
        void this.one(node, key, deadline, over.signal).then((result) => {
          if ("point" in result) heard.good.push(result);
          else heard.bad.push(result);
          waiting -= 1;
          if (waiting === 0) finish();
          else if (heard.good.length === key.threshold) {
            clearTimeout(timer);
            timer = setTimeout(finish, 1000 * this.patience.linger);
          }
        });
      }
    });
  }

  private async one(node: Node, key: SharedKey, deadline: number, over: AbortSignal): Promise<ClientShare | NodeFault> {
    try {
      const { identity, ticket } = this.holder;
      const statement = statementOf(this.network.id, node.identity, ticket, this.reply.publicKey, identity.octets);
      const request = {
        ticket: toBase64url(ticket),
        identity: toBase64url(identity.octets),
        reply_to: toBase64url(this.reply.publicKey),
        signature: toBase64url(await this.holder.key.sign(statement)),
      };
      const envelope = await this.envelope(node, request, deadline, over);
      return await this.judged(node, key, sha256(statement), envelope);
    } catch (error) {
      return this.last.get(node) ?? faultOf(node, error);
    }
  }

  private async envelope(node: Node, body: unknown, deadline: number, signal: AbortSignal): Promise<Octets> {
    let pause = FIRST_PAUSE;
    for (;;) {
      const seconds = Math.max(0.001, Math.min(this.patience.answer, deadline - now()));
      try {
        const answer = await ask(`${node.url}/v1/issue`, { method: "POST", body, credentials: "omit", seconds, signal });
        this.last.delete(node);
        return fromBase64url((answer as { envelope?: unknown }).envelope);
      } catch (error) {
        const fault = error instanceof NoAnswer ? error : null;
        const wait = fault?.retryAfter ?? jittered(pause);
        if (fault !== null) this.last.set(node, faultOf(node, fault));
        if (fault === null || !fault.again || signal.aborted || now() + wait >= deadline) throw error;
        await sleep(wait);
        pause = Math.min(2 * pause, LONGEST_PAUSE);
      }
    }
  }

  /** The share, if it is a good one of this node. */
  private async judged(node: Node, key: SharedKey, digest: Octets, envelope: Octets): Promise<ClientShare> {
    const context = answerContext(this.network.id, digest);
    const issued = readIssued(await openEnvelope(envelope, { keys: [this.reply], senders: node.signing, context }));
    if (!equal(issued.keyId, key.keyId) || issued.purpose !== this.purpose) {
      throw new NoAnswer("other-key", "its share is of another key, or for another purpose");
    }
    if (issued.epoch !== key.epoch) throw new NoAnswer("other-epoch", `its share is of epoch ${issued.epoch}, not of ${key.epoch}`);
    const share = readClientShare(issued.share);
    if (share.header.index !== node.index) throw new NoAnswer("not-its-own", "its share is another D-TA's");
    checkClientShare(key, share, this.A, digest);
    return share;
  }
}

const REASONS: Record<string, [string, string]> = {
  "decryption-failed": ["not-its-own", "its answer is of somebody else, or to another request"],
  "invalid-signature": ["not-its-own", "its answer is of somebody else, or to another request"],
  "mixed-shares": ["other-epoch", "its share is of another sharing of the key"],
  "invalid-proof": ["wrong-share", "its share does not fit its commitment, or its proof not the share"],
};

function faultOf(node: Node, error: unknown): NodeFault {
  if (error instanceof NoAnswer) return { name: node.name, reason: error.code, detail: error.message, code: error.refusal };
  const [reason, detail] = REASONS[codeOf(error)] ?? ["garbage", `its answer does not decode: ${codeOf(error)}`];
  return { name: node.name, reason, detail, code: "" };
}

function now(): number {
  return performance.now() / 1000;
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
}

/** From half to one and a half of it, so that those who failed together do not come back together. */
function jittered(seconds: number): number {
  return seconds * (0.5 + Math.random());
}
