// What a device does: enrol, fetch permits, log in, change the PIN, look after the user's devices. Spec: spec/mpin.md
//
// It speaks the HTTP API of the MFA server that the Python client speaks. The origin is the one that it was opened with: a
// page passes location.origin, so a login for a look-alike site is signed for the look-alike.

import type { ClientKey } from "./client_key.ts";
import { codeOf, Fault } from "./fault.ts";
import { ask, NoAnswer } from "./http.ts";
import { checkText, Identity } from "./identity.ts";
import type {
  DeviceInvitationAnswer, DevicesAnswer, EnrolmentAnswer, InteractionAnswer, InvitedAnswer, LoginAnswer, NetworkAnswer, NetworkTicket,
  PassMessage, PermitsAnswer, StatusAnswer,
} from "./messages.ts";
import { type Context, Permit, pinOctets, startLogin, Token } from "./mpin.ts";
import { type NodeFault, readNetwork } from "./network.ts";
import { be, equal, frame, fromBase64url, type Octets, random, sha256, toBase64url, wipe } from "./octets.ts";
import { type Patience, PATIENCE, Requester } from "./requester.ts";
import { SharedKey } from "./sharing.ts";
import { MPIN } from "./suite.ts";
import type { DeviceRecord, Slot, Vault } from "./vault.ts";

const SECONDS = 30;
const MOVE_SECONDS = 5; // a login does not wait longer for the next key
const WAIT_SECONDS = 60; // what comes too soon after a wrong PIN is sent again, if it need not wait longer
const LABEL = "MILAGRO-ROLES-V1_";

export interface Options {
  /** The origin that the user sees: location.origin. Requests go there. */
  origin: string;
  vault: Vault;
  patience?: Patience;
  /** Hears of D-TAs that were passed over, and the like. */
  tell?: (fault: NodeFault) => void;
  /** Hears that a login waits so many seconds, because a wrong PIN came before. */
  waits?: (seconds: number) => void;
}

/** What a user says to enrol a device. Secret: code. */
export interface Application {
  user: string;
  device: string;
  code: string;
}

/** Where the second pass of a login goes, with what beside it, and what the login is for. Spec: spec/mpin.md#transcript */
export interface Errand {
  path: string;
  purpose?: string;
  more?: object;
}

/** One origin and the devices of this browser there. */
export class Client {
  private readonly origin: string;
  private readonly vault: Vault;
  private readonly patience: Patience;
  private readonly tell: (fault: NodeFault) => void;
  private readonly waits: (seconds: number) => void;
  constructor({ origin, vault, patience = PATIENCE, tell = () => undefined, waits = () => undefined }: Options) {
    this.origin = origin;
    this.vault = vault;
    this.patience = patience;
    this.tell = tell;
    this.waits = waits;
  }

  /** What the server says about itself. */
  server(): Promise<StatusAnswer> {
    return this.get("/v1/status");
  }

  /** Whom this browser has enrolled. */
  async accounts(): Promise<{ user: string; device: string }[]> {
    const known = (await this.vault.accounts()).filter(({ enrolled }) => enrolled);
    return known.map(({ user, device }) => ({ user, device }));
  }

  /**
   * Enrols this browser as a device. One that broke off is taken up by calling this again with the same code. `replace`
   * puts it in the place of a device of the same names: at the server, if the code is good for that, and in this browser, once
   * the new one is there.
   */
  async enrol(application: Application, pin: string, replace = false): Promise<void> {
    wipe(pinOctets(pin)); // refused before anything is asked for
    const user = checkText("the user's name", application.user, 256);
    const device = checkText("the device's name", application.device, 64);
    const code = application.code.trim();
    if (!replace && (await this.vault.slot(user, device).record()) !== null) {
      throw new Fault("already-exists", "this browser is enrolled under these names");
    }
    const visit = await this.visit(this.vault.pending(user, device));
    const { name, relying_party: relyingParty, slot_seconds: slotSeconds } = visit.status;
    const { key } = visit;
    const more = replace ? ["replace"] : [];
    const statement = frame(`${LABEL}ENROL`, name, this.origin, user, device, code, key.algorithm, key.publicKey, ...more);
    const request = {
      user, device, code, replace, algorithm: key.algorithm,
      public_key: toBase64url(key.publicKey),
      signature: toBase64url(await key.sign(statement)),
    };
    const answer = await this.post<EnrolmentAnswer>("/v1/enrolments", request);
    const identity = ownIdentity(fromBase64url(answer.identity), key, name);
    const { token, keyId } = await this.tokenFor(visit, identity, answer.ticket, pin);
    const record = {
      origin: this.origin, serverName: name, relyingParty, slotSeconds, user, device,
      network: answer.ticket.network, keyId, token: token.toOctets(),
    };
    await this.vault.adopt(user, device, record);
    wipe(record.token);
    await this.confirm(visit, identity).catch(() => undefined); // the first login confirms as well
  }

  /** Who the server says has logged in. With an interaction, the login is that browser's answer to it. */
  async login(user: string, device: string, pin: string, goal?: string | Errand): Promise<LoginAnswer> {
    const errand = typeof goal === "string" ? { path: "/oidc/login", more: { interaction: goal } } : goal;
    wipe(pinOctets(pin));
    const slot = this.vault.slot(user, device);
    const record = await enrolled(slot);
    const visit = await this.visit(slot);
    let answer: LoginAnswer;
    try {
      answer = await this.logIn(visit, record, pin, errand);
    } catch (error) {
      const waiting = refusalOf(error) === "key-over" ? await slot.waiting() : null;
      if (waiting === null) throw error;
      answer = await this.logIn(visit, waiting, pin, errand);
      await slot.moveOver(waiting);
    }
    if (answer.move) await this.move(visit, record, answer.move, pin);
    const { move: _, ...said } = answer; // a ticket is nobody else's business
    return said;
  }

  /** Another PIN for this device, after the old one has logged in: a wrong one would not be noticed otherwise. */
  async changePin(user: string, device: string, old: string, next: string): Promise<void> {
    wipe(pinOctets(next));
    await this.login(user, device, old);
    const slot = this.vault.slot(user, device);
    const record = await enrolled(slot);
    const token = Token.fromOctets(record.token).changed(old, next).toOctets();
    await slot.keepWaiting(null); // it is under the old PIN; it can be made anew
    await slot.keep({ ...record, token });
    wipe(token, record.token);
  }

  /** Forgets a device in this browser; the server is not told. */
  forget(user: string, device: string): Promise<void> {
    return this.vault.forget(user, device);
  }

  // -- who proves to be a user, by a mailbox or a provider ------------------------------------------------------------
  /** Has a code sent to an address; this browser's half of it, which the code is nothing without. Secret: the result. */
  async askByEmail(address: string): Promise<{ browser: string; expires: number }> {
    return this.post("/v1/enrolments/email", { address });
  }

  confirmEmail(browser: string, code: string): Promise<InvitedAnswer> {
    return this.post("/v1/enrolments/email/confirm", { browser, code });
  }

  /** The address of the provider to go to; with an interaction, on the way to the site that asked for it. */
  async startUpstream(interaction?: string): Promise<string> {
    return (await this.post<{ continue: string }>("/upstream/start", { interaction })).continue;
  }

  /** For whom the provider vouched in this browser. */
  confirmUpstream(): Promise<InvitedAnswer> {
    return this.post("/upstream/confirm", {});
  }

  // -- the site that asked for the login ------------------------------------------------------------------------------
  /** What is known of the site whose users are sent here. */
  interaction(id: string): Promise<InteractionAnswer> {
    return this.get(`/oidc/interaction?interaction=${encodeURIComponent(id)}`);
  }

  /** Ends the interaction; where the browser goes from here, a path of this server. */
  async cancel(id: string): Promise<string> {
    const answer = await this.post<{ continue: string }>("/oidc/cancel", { interaction: id });
    const target = new URL(answer.continue, this.origin);
    if (target.origin !== this.origin) throw new Fault("malformed-envelope", "the server sends elsewhere");
    return target.href;
  }

  // -- the user's devices ---------------------------------------------------------------------------------------------
  /** All devices of the user, for a device that has just logged in. */
  async devices(user: string, device: string): Promise<DevicesAnswer> {
    const visit = await this.visit(this.vault.slot(user, device));
    return this.post("/v1/devices", await this.holderRequest(visit, "DEVICES"));
  }

  /** Removes a device of the user, for good; this browser's own is forgotten here, too. */
  async removeDevice(user: string, device: string, name: string): Promise<void> {
    const visit = await this.visit(this.vault.slot(user, device));
    await this.post("/v1/devices/remove", { ...(await this.holderRequest(visit, "REMOVE-DEVICE", name)), name });
    if (name === device) await this.vault.forget(user, device);
  }

  /** A one-time code for another device of the user, after a login for nothing else. */
  async inviteDevice(user: string, device: string, pin: string): Promise<DeviceInvitationAnswer> {
    return (await this.login(user, device, pin, { path: "/v1/devices/invite", purpose: "add-device" })) as DeviceInvitationAnswer;
  }

  /** Lets a device of the user log in that waits, and that shows these digits. */
  async confirmDevice(user: string, device: string, name: string, code: string): Promise<void> {
    const visit = await this.visit(this.vault.slot(user, device));
    await this.post("/v1/devices/confirm", { ...(await this.holderRequest(visit, "CONFIRM-DEVICE", name, code)), name, code });
  }

  /** Whether this device is active, or waiting until another one confirms it by these digits. */
  async standing(user: string, device: string): Promise<{ status: string; digits: string }> {
    const slot = this.vault.slot(user, device);
    const { identity } = Token.fromOctets((await enrolled(slot)).token);
    const { status } = await this.confirm(await this.visit(slot), identity);
    const first = new DataView(sha256(frame(`${LABEL}DEVICE-CODE`, identity.octets)).buffer).getBigUint64(0);
    return { status, digits: String(first % 1_000_000n).padStart(6, "0") };
  }

  private async holderRequest(visit: Visit, purpose: string, ...about: string[]): Promise<object> {
    const identity = Token.fromOctets((await enrolled(visit.slot)).token).identity;
    const at = visit.now();
    const fields = [`${LABEL}${purpose}`, visit.status.name, this.origin, identity.octets, be(at, 8), ...about];
    return { identity: toBase64url(identity.octets), at, signature: toBase64url(await visit.key.sign(frame(...fields))) };
  }

  // -- enrolment ------------------------------------------------------------------------------------------------------
  private async tokenFor(visit: Visit, identity: Identity, ticket: NetworkTicket, pin: string, patience = this.patience): Promise<Made> {
    const key = new SharedKey(fromBase64url(ticket.key));
    const requester = await this.requester(visit, ticket, key, patience);
    const secret = await this.heard(requester, requester.clientSecret({
      identity, key: visit.key, ticket: fromBase64url(ticket.ticket),
    }));
    return { token: Token.of(identity, secret, pin), keyId: key.keyId };
  }

  private async confirm(visit: Visit, identity: Identity): Promise<{ status: string }> {
    const at = visit.now();
    const statement = frame(`${LABEL}CONFIRM`, visit.status.name, this.origin, identity.octets, be(at, 8));
    const request = { identity: toBase64url(identity.octets), at, signature: toBase64url(await visit.key.sign(statement)) };
    return this.post("/v1/enrolments/confirm", request);
  }

  // -- the network ----------------------------------------------------------------------------------------------------
  private async requester(visit: Visit, ticket: NetworkTicket, key: SharedKey, patience: Patience): Promise<Requester> {
    let known = await visit.slot.network();
    if (known === null || known.network !== ticket.network || known.version !== ticket.version) {
      known = await this.get<NetworkAnswer>("/v1/network");
      await visit.slot.keepNetwork(known);
    }
    if (known.network !== ticket.network) {
      throw new Fault("malformed-envelope", "the server speaks of two networks of D-TAs at once");
    }
    return new Requester(await readNetwork(known), key, patience);
  }

  private async heard<T>(requester: Requester, question: Promise<T>): Promise<T> {
    try {
      return await question;
    } finally {
      requester.bad.forEach(this.tell);
    }
  }

  // -- login ----------------------------------------------------------------------------------------------------------
  private async logIn(visit: Visit, record: DeviceRecord, pin: string, errand?: Errand): Promise<LoginAnswer> {
    if (record.origin !== this.origin) throw new Fault("parameter-error", "this device is enrolled at another origin");
    const token = Token.fromOctets(record.token);
    const permit = await this.permit(visit, record, token.identity);
    try {
      return await this.twoPasses(visit, record, token, permit, pin, errand);
    } catch (error) {
      if (!(error instanceof SlotOver)) throw error;
      const fresh = await this.fetchPermit(visit, record, token.identity);
      return this.twoPasses(visit, record, token, fresh, pin, errand);
    }
  }

  private async twoPasses(
    visit: Visit, record: DeviceRecord, token: Token, permit: Permit | null, pin: string, errand: Errand = { path: "/v1/login/pass2" },
  ): Promise<LoginAnswer> {
    const { path, purpose, more } = errand;
    const relyingParty = purpose === undefined
      ? record.relyingParty
      : toBase64url(sha256(frame(`${LABEL}PURPOSE`, record.relyingParty, purpose)));
    const context: Context = { server: record.serverName, origin: this.origin, relyingParty };
    const started = await startLogin(token, visit.key, context, visit.now(), random, permit);
    const first = { message: toBase64url(started.message), key_id: toBase64url(record.keyId), purpose };
    const asked = await this.post<PassMessage>("/v1/login/pass1", first).catch((error: unknown) => {
      throw refusalOf(error) === "expired" ? new SlotOver("expired", "the permit is of another slot") : error;
    });
    const answer = await started.answer(fromBase64url(asked.message), pin, visit.now());
    const message = toBase64url(answer);
    // Bound to this browser's cookie by the server, the same pass gives a session, for the site that asked for the login.
    const pass = (): Promise<LoginAnswer> => this.post(path, { message, ...more });
    return pass().catch((error: unknown) => this.waited(error, pass));
  }

  /** Sends again what came too soon after a wrong PIN, in its time: nothing was counted. Spec: spec/mpin.md#pin-protection */
  private async waited<T>(error: unknown, again: () => Promise<T>): Promise<T> {
    const seconds = refusalOf(error) === "too-soon" && error instanceof NoAnswer ? (error.retryAfter ?? WAIT_SECONDS + 1) : Infinity;
    if (seconds > WAIT_SECONDS) throw error;
    this.waits(seconds);
    await new Promise((done) => setTimeout(done, 1000 * seconds));
    return again();
  }

  // -- permits --------------------------------------------------------------------------------------------------------
  private async permit(visit: Visit, record: DeviceRecord, identity: Identity): Promise<Permit | null> {
    if (record.slotSeconds === 0) return null;
    const kept = await visit.slot.permit();
    const slot = Math.floor(visit.now() / record.slotSeconds);
    if (kept !== null && kept.slot === slot && equal(kept.keyId, record.keyId)) return Permit.fromOctets(kept.permit);
    return this.fetchPermit(visit, record, identity);
  }

  private async fetchPermit(visit: Visit, record: DeviceRecord, identity: Identity): Promise<Permit> {
    const { keyId } = record;
    const at = visit.now();
    const statement = frame(`${LABEL}PERMITS`, record.serverName, this.origin, identity.octets, be(at, 8), keyId);
    const signature = toBase64url(await visit.key.sign(statement));
    const request = { identity: toBase64url(identity.octets), at, signature, key_id: toBase64url(keyId) };
    const { slot, ticket } = await this.post<PermitsAnswer>("/v1/permits", request);
    if (typeof slot !== "number") throw new Fault("config-error", "the server has stopped using permits; enrol anew");
    if (!ticket || ticket.network !== record.network) {
      throw new Fault("malformed-envelope", "the server answered with tickets for other D-TAs than this device's");
    }
    const key = new SharedKey(fromBase64url(ticket.key));
    if (!equal(key.keyId, keyId)) throw new Fault("malformed-envelope", "the server answered with another key than the token's");
    const requester = await this.requester(visit, ticket, key, this.patience);
    const holder = { identity, key: visit.key, ticket: fromBase64url(ticket.ticket) };
    const point = await this.heard(requester, requester.permit(holder, record.slotSeconds, slot));
    const permit = new Permit(identity, record.slotSeconds, slot, point);
    await visit.slot.keepPermit({ slot, keyId, permit: permit.toOctets() });
    return permit;
  }

  // -- moving to the network's next key -------------------------------------------------------------------------------
  /** Makes a token of the next key under the PIN that has just been right, and takes it once it has logged in, too. */
  private async move(visit: Visit, record: DeviceRecord, ticket: NetworkTicket, pin: string): Promise<void> {
    try {
      const following = await this.following(visit, record, ticket, pin);
      await this.logIn(visit, following, pin);
      await visit.slot.moveOver(following);
    } catch (error) {
      if (refusalOf(error) === "authentication-failed") await visit.slot.keepWaiting(null); // made anew at the next login
      this.tell({ name: "", reason: "not-moved", detail: "this device has not moved to the network's next key yet", code: codeOf(error) });
    }
  }

  private async following(visit: Visit, record: DeviceRecord, ticket: NetworkTicket, pin: string): Promise<DeviceRecord> {
    if (ticket.network !== record.network) throw new Fault("malformed-envelope", "the server offers a key of another network");
    const waiting = await visit.slot.waiting();
    if (waiting !== null && equal(waiting.keyId, new SharedKey(fromBase64url(ticket.key)).keyId)) return waiting;
    const hasty = { ...this.patience, overall: Math.min(this.patience.overall, MOVE_SECONDS) };
    const { identity } = Token.fromOctets(record.token);
    const { token, keyId } = await this.tokenFor(visit, identity, ticket, pin, hasty);
    const following = { ...record, token: token.toOctets(), keyId };
    await visit.slot.keepWaiting(following);
    return following;
  }

  // -- the server -----------------------------------------------------------------------------------------------------
  private async visit(slot: Slot): Promise<Visit> {
    const status = await this.server();
    if (status.suite !== MPIN.id) throw new Fault("config-error", "the server runs a suite that this client does not have");
    // The server's clock is taken for what is signed for it: a browser's is often wrong, and the proof is for it alone.
    const ahead = status.time - Math.floor(Date.now() / 1000);
    return { slot, status, key: await slot.key(), now: () => Math.floor(Date.now() / 1000) + ahead };
  }

  private get<T>(path: string): Promise<T> {
    return ask(this.origin + path, { method: "GET", credentials: "same-origin", seconds: SECONDS }) as Promise<T>;
  }

  /** What the server answers to a call that has no method here. */
  post<T>(path: string, body: object): Promise<T> {
    return ask(this.origin + path, { method: "POST", body, credentials: "same-origin", seconds: SECONDS }) as Promise<T>;
  }
}

/** The permit was of another slot than the server's current one. */
class SlotOver extends Fault {}

interface Visit {
  slot: Slot;
  status: StatusAnswer;
  key: ClientKey;
  now: () => number;
}

interface Made {
  token: Token;
  keyId: Octets;
}

/** The code that a server refused with, else that of the error. */
export function refusalOf(error: unknown): string {
  return error instanceof NoAnswer && error.refusal !== "" ? error.refusal : codeOf(error);
}

async function enrolled(slot: Slot): Promise<DeviceRecord> {
  const record = await slot.record();
  if (record === null) throw new Fault("not-found", "this browser is not enrolled under these names");
  return record;
}

function ownIdentity(octets: Octets, key: ClientKey, server: string): Identity {
  const identity = Identity.fromOctets(octets);
  if (!equal(identity.publicKey, key.publicKey) || identity.algorithm !== key.algorithm || identity.realm !== server) {
    throw new Fault("malformed-envelope", "the server answered with an identity that is not this device's");
  }
  return identity;
}
