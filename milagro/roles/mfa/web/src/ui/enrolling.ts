// Setting a browser up, and getting back in: who somebody is, by e-mail, by another provider or by an invitation; then the PIN.
// A file of its own, which only a browser loads that is being set up.
//
//   enrol | recover --address--> the letter's code --+
//                   --provider--> away --> comeBack -+--> pin (and the device's name) --> account, or the site that asked
//                   --invitation's code and name ----+

import { type Account, asker, asking, chosen, client, elsewhere, enter, Field, fill, filled, form, h, hiddenUser, interaction, link, login, offered, open, person, pinField, primary, show, sure, t, tellNext, under, work } from "#page";
import { type InvitedAnswer, refusalOf } from "#client";
import { words } from "./texts_enrolling.ts";

/** What is known of a device that is being set up. `replaces`: it takes the place of that user's device of that name. */
export interface Wanted extends Account {
  code: string;
  replaces: boolean;
  /** A mailbox or a provider has proved who it is: the code need not be typed, and is good for replacing a device. */
  proven: boolean;
}

interface Letter {
  address: string;
  browser: string;
  expires: number;
  lost: Account | null;
}

// Of this tab only, until it is closed: it may be reloaded while its user looks for the letter, or is at the provider.
const LETTER = "milagro-letter";
const LOST = "milagro-lost";

function said(fault: { code: string; text: string }): string {
  return (words().errors as Record<string, string>)[fault.code] ?? fault.text;
}

function kept<T>(name: string): T | null {
  try {
    return JSON.parse(sessionStorage.getItem(name) ?? "null") as T | null;
  } catch {
    return null;
  }
}

function keep(name: string, value: unknown): void {
  if (value === null) sessionStorage.removeItem(name);
  else sessionStorage.setItem(name, JSON.stringify(value));
}

// -- who it is --------------------------------------------------------------------------------------------------------
/** The first view of a browser that is not set up yet. */
export function enrol(fault = ""): void {
  const letter = kept<Letter>(LETTER);
  if (letter !== null && letter.expires > Date.now() / 1000) return typeCode(letter);
  if (!offered.email && !offered.upstream) return invitation();
  const w = words();
  show(w.title.enrol, asking(), h("p", { class: "lead" }, w.enrolIntro), alarm(fault), ...ways(null), elsewhere(), h("p", { class: "hint last" }, w.lostHint), under(back()));
}

/** What a browser does whose PIN is forgotten or locked. */
export function recover(account: Account): void {
  const w = words();
  const button = h("button", { type: "button", class: "danger" }, fill(w.forget, account));
  const place = h("div", { class: "last" }, button);
  const forget = async (): Promise<void> => {
    await client.forget(account.user, account.device);
    tellNext(fill(w.doneForget, account));
    open(() => login());
  };
  button.addEventListener("click", () => place.append(sure(button, fill(w.forgetSure, account), w.forgetYes, place, forget)));
  const only = !offered.email && !offered.upstream;
  const steps = (only ? w.recoverByCode : w.recoverSteps).map((step) => h("li", {}, step));
  show(w.title.recover, h("p", { class: "lead" }, w.recoverIntro), person(account), h("ol", { class: "steps" }, ...steps), ...ways(account), place, under(link(t.back, () => login(account))));
}

/** The ways that the server offers; `lost` is the device that the new one takes the place of. */
function ways(lost: Account | null): HTMLElement[] {
  const w = words();
  const others: HTMLElement[] = [];
  const typed = h("button", { type: "button", class: "secondary", onclick: () => open(() => invitation({ ...lost, replaces: lost !== null })) }, lost === null ? w.haveCode : w.recoverStart);
  if (offered.upstream) others.push(byProvider(offered.upstream, lost));
  others.push(typed);
  const rest = h("div", { class: "ways" }, ...others);
  return offered.email ? [byEmail(lost), h("p", { class: "or" }, w.or), rest] : [rest];
}

function byEmail(lost: Account | null): HTMLElement {
  const w = words();
  const known = lost?.user ?? asker?.hint ?? "";
  const address = new Field(w.address, { type: "email", autocomplete: "email", maxlength: "254", value: known.includes("@") ? known : "" }, w.addressHint);
  const ask = (place: HTMLElement): void => {
    if (!filled(address)) return;
    void work(place, t.working, () => sendLetter(address.value.trim(), lost), (text, code) => address.complain(said({ code, text })));
  };
  return form(ask, address.element, primary(w.sendCode));
}

async function sendLetter(address: string, lost: Account | null, notice = ""): Promise<void> {
  const letter = { address, lost, ...(await client.askByEmail(address)) };
  keep(LETTER, letter);
  tellNext(notice);
  open(() => typeCode(letter));
}

function typeCode(letter: Letter): void {
  const w = words();
  const code = new Field(w.letterCode, { autocomplete: "one-time-code", maxlength: "32", class: "code" }, w.letterCodeHint);
  const done = (place: HTMLElement): void => {
    if (!filled(code)) return;
    void work(place, t.working, async () => {
      const invited = await client.confirmEmail(letter.browser, code.value.trim());
      keep(LETTER, null);
      proceed(invited, letter.lost);
    }, (text, fault) => code.complain(said({ code: fault, text })));
  };
  const again = async (): Promise<void> => {
    await sendLetter(letter.address, letter.lost, fill(w.sentAgain, letter));
  };
  const body = form(done, code.element, primary(w.next));
  const more = h("button", { type: "button", class: "link", onclick: () => void work(body, t.working, again, (text, fault) => code.complain(said({ code: fault, text }))) }, w.sendAgain);
  const other = link(t.back, () => {
    keep(LETTER, null);
    if (letter.lost === null) enrol();
    else recover(letter.lost);
  });
  show(w.title.letter, h("p", { class: "lead" }, fill(w.letterIntro, { ...letter, minutes: String(Math.max(1, Math.round((letter.expires - Date.now() / 1000) / 60))) })), body, under(other, more));
}

function byProvider(name: string, lost: Account | null): HTMLElement {
  const w = words();
  const fault = h("p", { class: "fault", role: "alert" });
  const leave = (place: HTMLElement): void => void work(place, t.working, async () => {
    keep(LOST, lost);
    location.assign(await client.startUpstream(interaction));
  }, (text, code) => { fault.textContent = said({ code, text }); });
  const button = offered.email ? h("button", { type: "submit", class: "secondary" }, fill(w.provider, { name })) : primary(fill(w.provider, { name }));
  return form(leave, button, fault);
}

/** Back from the provider. */
export async function comeBack(): Promise<void> {
  const lost = kept<Account>(LOST);
  keep(LOST, null);
  const address = new URL(location.href);
  address.searchParams.delete("enrol"); // loaded again, it would be asked for once more
  history.replaceState(null, "", address);
  try {
    proceed(await client.confirmUpstream(), lost);
  } catch (error) {
    const text = said({ code: refusalOf(error), text: t.errors.unreachable });
    open(() => enrol(text));
  }
}

function proceed({ user, code }: InvitedAnswer, lost: Account | null): void {
  const replaces = lost !== null && lost.user === user;
  open(() => choosePin({ user, code, replaces, device: replaces ? lost.device : browserName(), proven: true }));
}

// -- an invitation ----------------------------------------------------------------------------------------------------
export function invitation(known: Partial<Wanted> = {}, fault?: { code: string; text: string }): void {
  const w = words();
  const user = new Field(w.user, { autocomplete: "username", maxlength: "256", value: known.user ?? asker?.hint ?? "" });
  const code = new Field(w.code, { autocomplete: "one-time-code", maxlength: "64", value: known.code ?? "", class: "code" }, w.codeHint);
  const device = new Field(w.device, { autocomplete: "off", maxlength: "64", value: known.device ?? browserName() }, w.deviceHint);
  const done = (): void => {
    if (!filled(user, code, device)) return;
    open(() => choosePin({ user: user.value.trim(), code: code.value.trim(), device: device.value.trim(), replaces: known.replaces ?? false, proven: false }));
  };
  const body = form(done, user.element, code.element, device.element, primary(w.next));
  show(w.title.enrol, asking(), h("p", { class: "lead" }, w.invitationIntro), body, elsewhere(), under(offered.email || offered.upstream ? link(t.back, () => enrol()) : back()));
  if (fault !== undefined) (pinned(fault.code) ? device : code).complain(said(fault));
}

// -- the PIN ----------------------------------------------------------------------------------------------------------
/** The last view: a PIN, and for whom nothing was typed yet, the device's name. */
export function choosePin(wanted: Wanted): void {
  const w = words();
  const pin = pinField(t.newPin, t.pinHint);
  const again = pinField(t.again);
  const device = new Field(w.device, { autocomplete: "off", maxlength: "64", value: wanted.device }, w.deviceHint);
  const asked = wanted.proven && !wanted.replaces;
  const general = h("p", { class: "fault", role: "alert" });
  const place = form(() => done(wanted.replaces), wanted.proven && person({ ...wanted, device: asked ? "" : wanted.device }), hiddenUser(wanted.user), asked && device.element, pin.element, again.element, general, primary(w.enrol));
  const done = (replaces: boolean): void => {
    if ((asked && !filled(device)) || !chosen(pin, again)) return;
    const now = { ...wanted, device: asked ? device.value.trim() : wanted.device, replaces };
    void work(place, t.working, async () => {
      await client.enrol(now, pin.value, replaces);
      await enter(now, pin.value, w.doneEnrol);
    }, (text, code) => failed({ code, text }));
  };
  const failed = (fault: { code: string; text: string }): void => {
    if (asked && pinned(fault.code)) {
      device.complain(said(fault));
      replace.hidden = false;
    } else if (!wanted.proven && (pinned(fault.code) || fault.code === "invitation-refused")) open(() => invitation(wanted, fault));
    else general.textContent = said(fault);
  };
  const replace = h("button", { type: "button", class: "secondary", hidden: true, onclick: () => done(true) }, w.replace);
  device.element.append(replace);
  device.input.addEventListener("input", () => { replace.hidden = true; });
  show(w.title.pin, h("p", { class: "lead" }, fill(w.pinIntro, wanted)), place, !wanted.proven && under(link(t.back, () => invitation(wanted))));
}

function pinned(code: string): boolean {
  return code === "device-pinned" || code === "already-exists";
}

/** A name for this browser that tells it from others of the same user. */
function browserName(): string {
  const agent = navigator.userAgent;
  const maker = /Firefox/.test(agent) ? "Firefox" : /Edg/.test(agent) ? "Edge" : /Chrom/.test(agent) ? "Chrome" : /Safari/.test(agent) ? "Safari" : "Browser";
  const system = /Android/.test(agent) ? "Android" : /iPhone|iPad/.test(agent) ? "iOS" : /Windows/.test(agent) ? "Windows" : /Mac/.test(agent) ? "macOS" : "Linux";
  return `${maker} · ${system}`;
}

function alarm(text: string): HTMLElement | false {
  return text !== "" && h("p", { class: "fault", role: "alert" }, text);
}

function back(): HTMLElement {
  const place = h("span", {});
  void client.accounts().then((accounts) => {
    if (accounts.length > 0) place.append(link(t.back, () => login()));
  }, () => undefined);
  return place;
}
