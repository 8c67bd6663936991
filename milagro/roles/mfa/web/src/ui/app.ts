// The page: which view there is, and what its buttons do. All that computes is in the client.
//
//   enrol -> pin -> account      login -> account | the site that asked      account -> change | devices      recover
//
// enrol, pin and recover are in enrolling.ts; what takes two devices is in across.ts.

import { Client, type DeviceAnswer, type Errand, IndexedDbVault, refusalOf, type StatusAnswer } from "#client";
import { byId, Field, h } from "./dom.ts";
import { weakness } from "./pins.ts";
import { type Catalogue, CATALOGUES, fill, type Language, preferred } from "./texts.ts";

export interface Account {
  user: string;
  device: string;
}

interface Asker {
  name: string;
  host: string;
  hint: string;
}

export { Field, fill, h };

type Show = () => void | Promise<void>;

/** What a login is for: a visit to the account, a site, another browser. */
export interface Goal {
  errand?: string | Errand;
  arrived: (account: Account, said: string) => void;
  leave: () => HTMLElement | false;
}

const LANGUAGE = "milagro-language";
const query = new URLSearchParams(location.search);
export const interaction = query.get("interaction") ?? undefined;
const tell = ({ name, reason, code }: { name: string; reason: string; code: string }): void => console.warn(`D-TA ${name}: ${reason} ${code}`);
export const client = new Client({ origin: location.origin, vault: new IndexedDbVault(), tell, waits });

export let language: Language = "en";
export let t: Catalogue = CATALOGUES.en;
let organisation = "";
/** What the server says of itself; of it, here, the ways to enrol. */
export let offered: Pick<StatusAnswer, "email" | "upstream"> = {};
export let asker: Asker | null = null;
let shown: Show = () => undefined;
let notice = "";
let busy = false;
let crossable = false;
let goal: Goal = { arrived, leave: () => interaction !== undefined && cancel(), ...(interaction !== undefined && { errand: interaction }) };

// -- showing ----------------------------------------------------------------------------------------------------------
/** Puts a view in the place of the one before, and a screen reader's attention on its title. */
export function show(title: string, ...body: (Node | string | false)[]): void {
  document.title = organisation === "" ? title : `${title} · ${organisation}`;
  const heading = h("h1", { tabindex: "-1" }, title);
  const said = notice !== "" && h("p", { class: "notice" }, notice);
  byId("page").replaceChildren(h("section", { class: "card" }, heading, said, ...body.filter((one) => one !== false)));
  byId("page").removeAttribute("aria-busy");
  say(notice);
  notice = "";
  const first = byId("page").querySelector<HTMLElement>("input:not([type=radio], [readonly])");
  (first ?? heading).focus();
}

export function open(view: Show): void {
  shown = view;
  void (async () => view())().catch((error: unknown) => failure(wordsFor(error)));
}

/** What the next view says above everything else. */
export function tellNext(text: string): void {
  notice = text;
}

export function say(text: string): void {
  byId("status").textContent = text;
}

/** Says why the button that was pressed takes its time. */
function waits(seconds: number): void {
  const note = h("p", { class: "hint" });
  document.querySelector(".working")?.append(note);
  const tick = (left: number): void => {
    note.textContent = fill(t.waits, { left });
    if (left === seconds) say(note.textContent);
    if (left > 0) setTimeout(() => tick(left - 1), 1000);
    else note.remove();
  };
  tick(seconds);
}

export function wordsFor(error: unknown): string {
  const code = refusalOf(error);
  const known = t.errors as Record<string, string>;
  const alias: Record<string, string> = { silent: "unreachable", slow: "unreachable", "rate-limited": "busy", "timed-out": "busy", replay: "expired", "not-found": "unknown-identity", "crossing-over": "expired" };
  return known[code] ?? known[alias[code] ?? ""] ?? fill(t.errors.other, { code });
}

/** Runs what a form or a button starts, once at a time, with a sign that it runs. */
export async function work(place: HTMLElement, text: string, task: () => Promise<void>, failed: (words: string, code: string) => void): Promise<void> {
  if (busy) return;
  busy = true;
  byId("page").querySelector(".notice")?.remove();
  say(text);
  place.classList.add("working");
  place.setAttribute("aria-busy", "true");
  const buttons = [...place.querySelectorAll<HTMLButtonElement>("button[type=submit]")];
  for (const button of buttons) button.setAttribute("aria-disabled", "true");
  try {
    await task();
  } catch (error) {
    failed(wordsFor(error), refusalOf(error));
    say("");
  } finally {
    busy = false;
    place.classList.remove("working");
    place.removeAttribute("aria-busy");
    for (const button of buttons) button.removeAttribute("aria-disabled");
  }
}

export function form(submit: (form: HTMLFormElement) => void, ...children: (Node | string | false)[]): HTMLFormElement {
  const made = h("form", { novalidate: true, autocomplete: "off" }, ...children);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(made);
  });
  return made;
}

export function primary(text: string): HTMLButtonElement {
  return h("button", { type: "submit", class: "primary" }, h("span", {}, text));
}

export function link(text: string, view: Show): HTMLButtonElement {
  return h("button", { type: "button", class: "link", onclick: () => open(view) }, text);
}

export function pinField(label: string, hint = ""): Field {
  return new Field(label, { type: "password", autocomplete: "off", maxlength: "256" }, hint, { label: t.showPin, show: t.show, hide: t.hide });
}

/** Whether every field has something in it; the first one that has not is pointed out. */
export function filled(...fields: Field[]): boolean {
  const empty = fields.find(({ value }) => value.trim() === "");
  empty?.complain(t.errors.empty);
  return empty === undefined;
}

/** Whether a new PIN, typed twice, will do. */
export function chosen(pin: Field, again: Field): boolean {
  if (!filled(pin, again)) return false;
  const weak = weakness(pin.value);
  if (weak !== "") pin.complain(t.errors[weak]);
  else if (pin.value !== again.value) again.complain(t.errors.differ);
  return weak === "" && pin.value === again.value;
}

// -- log in -----------------------------------------------------------------------------------------------------------
export async function login(chosenAccount?: Account): Promise<void> {
  const accounts = await client.accounts();
  if (accounts.length === 0) return open(later(enrolling, ({ enrol }) => enrol()));
  const hinted = accounts.find(({ user }) => user === asker?.hint);
  let account = chosenAccount ?? hinted ?? (accounts[0] as Account);
  const pin = pinField(accounts.length === 1 ? fill(t.pinOf, { user: account.user }) : t.pin);
  const done = (place: HTMLFormElement): void => {
    if (!filled(pin)) return;
    const typed = pin.value;
    void work(place, t.working, () => enter(account, typed), (words) => {
      pin.clear();
      pin.complain(words);
    });
  };
  const whose = hiddenUser(account.user);
  const several = accounts.length > 1 && chooser(accounts, account, (one) => {
    account = one;
    whose.value = one.user;
    pin.clear();
    pin.complain("");
  });
  const single = accounts.length === 1 && person(account);
  const body = form(done, several, single, whose, pin.element, primary(t.login));
  const forgotten = link(t.forgot, later(enrolling, ({ recover }) => recover(account)));
  show(t.title.login, asking(), body, elsewhere(), under(forgotten, link(t.other, later(enrolling, ({ enrol }) => enrol())), goal.leave()));
}

function chooser(accounts: Account[], first: Account, choose: (account: Account) => void): HTMLElement {
  const options = accounts.map((account, at) => {
    const checked = account.user === first.user && account.device === first.device;
    const radio = h("input", { type: "radio", name: "account", id: `account-${at}`, checked, onchange: () => choose(account) });
    return h("div", { class: "option" }, radio, h("label", { for: `account-${at}` }, avatar(account.user), h("span", { class: "who" }, h("strong", {}, account.user), h("small", {}, account.device))));
  });
  return h("fieldset", { class: "accounts" }, h("legend", {}, t.accounts), ...options);
}

export function person({ user, device }: Account): HTMLElement {
  return h("div", { class: "person" }, avatar(user), h("span", { class: "who" }, h("strong", {}, user), h("small", {}, device)));
}

function avatar(user: string): HTMLElement {
  return h("span", { class: "avatar", "aria-hidden": "true" }, (Array.from(user)[0] ?? "?").toUpperCase());
}

/** Password managers and screen readers learn whose secret it is. */
export function hiddenUser(user: string): HTMLInputElement {
  return h("input", { type: "text", class: "quiet", name: "username", autocomplete: "username", value: user, readonly: true, tabindex: "-1", "aria-hidden": "true" });
}

/** Logs in; then to the site that asked, or to the account. */
export async function enter(account: Account, pin: string, said = ""): Promise<void> {
  try {
    await client.login(account.user, account.device, pin, goal.errand);
  } catch (error) {
    if (refusalOf(error) !== "device-waiting") throw error;
    return open(later(across, ({ waiting }) => waiting(account)));
  }
  goal.arrived(account, said);
}

function arrived(account: Account, said: string): void {
  if (interaction !== undefined) {
    say(fill(t.going, { name: asker?.name ?? "" }));
    location.assign(`/oidc/continue?interaction=${encodeURIComponent(interaction)}`);
    return;
  }
  notice = said;
  open(() => home(account));
}

function cancel(): HTMLElement {
  return h("button", {
    type: "button", class: "link",
    onclick: () => void client.cancel(interaction as string).then((target) => location.assign(target), (error: unknown) => failure(wordsFor(error))),
  }, t.cancel);
}

/** The way for whoever has the device somewhere else, if the server lets it. */
export function elsewhere(): HTMLElement | false {
  return crossable && h("button", { type: "button", class: "secondary wide", onclick: () => open(later(across, ({ desktop }) => desktop())) }, t.across);
}

/** For whom the login is, if a site asked for it. */
export function asking(): HTMLElement | false {
  if (asker === null) return false;
  return h("p", { class: "asker" }, fill(t.to, { name: "" }), h("strong", {}, asker.name), " ", h("span", { class: "host" }, fill(t.at, { host: asker.host })));
}

// -- account ----------------------------------------------------------------------------------------------------------
export async function home(account: Account): Promise<void> {
  const list = h("ul", { class: "devices" });
  const out = h("button", { type: "button", class: "secondary", onclick: () => { notice = t.doneOut; open(() => login(account)); } }, t.signOut);
  const change = h("button", { type: "button", class: "secondary", onclick: () => open(() => changePin(account)) }, t.changePin);
  const add = h("button", { type: "button", class: "secondary wide", onclick: () => open(later(across, ({ add }) => add(account))) }, t.addDevice);
  const place = h("section", { class: "list", "aria-labelledby": "devices-title" }, h("h2", { id: "devices-title" }, t.devices), list, add);
  const fault = h("p", { class: "fault", role: "alert" });
  show(t.title.account, person(account), h("div", { class: "actions" }, change, out), fault, place);
  try {
    const { devices } = await client.devices(account.user, account.device);
    list.replaceChildren(...devices.map((device) => row(account, device)));
  } catch (error) {
    if (refusalOf(error) === "login-needed") open(() => login(account));
    else fault.textContent = wordsFor(error);
  }
}

function row(account: Account, device: DeviceAnswer): HTMLElement {
  const badges = [device.current && t.thisOne, device.locked && t.locked, device.state === "pending" && t.pending, device.state === "waiting" && t.waiting].filter((one): one is string => one !== false);
  const when = typeof device.last_login === "number" ? fill(t.lastLogin, { when: date(device.last_login, "short") }) : t.never;
  const added = fill(t.addedOn, { when: date(device.created) });
  const button = h("button", { type: "button", class: "danger", "aria-label": fill(t.removeNamed, { device: device.name }) }, t.remove);
  const confirm = device.state === "waiting" && h("button", {
    type: "button", class: "link", "aria-label": fill(t.confirmNamed, { device: device.name }),
    onclick: () => open(later(across, ({ confirm }) => confirm(account, device.name))),
  }, t.confirm);
  const item = h("li", {}, h("div", { class: "about" }, h("strong", {}, device.name), ...badges.map((badge) => h("span", { class: "badge" }, badge)), h("small", {}, when), h("small", {}, added)), h("div", { class: "choices" }, confirm, button));
  const remove = async (): Promise<void> => {
    await client.removeDevice(account.user, account.device, device.name);
    notice = fill(t.doneRemove, { device: device.name });
    open(() => (device.current ? login() : home(account)));
  };
  const question = fill(t.removeSure, { device: device.name });
  button.addEventListener("click", () => item.append(sure(button, question, t.removeYes, item, remove)));
  return item;
}

/** Asks once more before something that cannot be undone. */
export function sure(button: HTMLButtonElement, question: string, yesText: string, place: HTMLElement, act: () => Promise<void>): HTMLElement {
  button.hidden = true;
  const fault = h("p", { class: "fault", role: "alert" });
  const no = h("button", { type: "button", class: "secondary" }, t.keep);
  const yes = h("button", { type: "button", class: "danger solid" }, yesText);
  const box = h("div", { class: "sure", role: "group", "aria-label": question }, h("p", {}, question), h("div", { class: "actions" }, yes, no), fault);
  no.addEventListener("click", () => {
    box.remove();
    button.hidden = false;
    button.focus();
  });
  yes.addEventListener("click", () => void work(place, t.working, act, (words) => { fault.textContent = words; }));
  queueMicrotask(() => no.focus());
  return box;
}

function date(seconds: number, timeStyle?: "short"): string {
  const local = navigator.languages.find((one) => one.startsWith(language)) ?? language;
  return new Intl.DateTimeFormat(local, { dateStyle: "medium", ...(timeStyle && { timeStyle }) }).format(1000 * seconds);
}

function changePin(account: Account): void {
  const old = pinField(t.oldPin);
  const pin = pinField(t.newPin, t.pinHint);
  const again = pinField(t.again);
  const done = (place: HTMLFormElement): void => {
    if (!filled(old) || !chosen(pin, again)) return;
    if (old.value === pin.value) return pin.complain(t.errors.same);
    void work(place, t.working, async () => {
      await client.changePin(account.user, account.device, old.value, pin.value);
      notice = t.donePin;
      open(() => home(account));
    }, (words) => {
      old.clear();
      old.complain(words);
    });
  };
  show(t.title.change, person(account), form(done, hiddenUser(account.user), old.element, pin.element, again.element, primary(t.save)), under(link(t.back, () => home(account))));
}

// -- views that most visits do without, each in a file with its like --------------------------------------------------
const enrolling = () => import("#enrolling");
const across = () => import("#across");

function later<Views>(file: () => Promise<Views>, view: (views: Views) => void | Promise<void>): Show {
  return () => file().then(view, () => failure(t.errors.unreachable));
}

/** From here on a login is for something else. */
export function aim(next: Goal, who: Asker): void {
  goal = next;
  asker = who;
  crossable = false;
}

export function failure(words: string): void {
  show(t.title.error, h("p", { class: "fault", role: "alert" }, words));
}

export function under(...children: (HTMLElement | false)[]): HTMLElement {
  return h("nav", { class: "under" }, ...children);
}

// -- the frame --------------------------------------------------------------------------------------------------------
function speak(next: Language): void {
  language = next;
  t = CATALOGUES[next];
  document.documentElement.lang = next;
  byId("organisation").textContent = organisation;
  const options = Object.entries(CATALOGUES).map(([code, { language: name }]) => h("option", { value: code, selected: code === next, lang: code }, name));
  const select = h("select", { "aria-label": t.languages }, ...options);
  select.addEventListener("change", () => {
    localStorage.setItem(LANGUAGE, select.value);
    speak(select.value as Language);
    open(shown);
    byId("foot").querySelector("select")?.focus();
  });
  byId("foot").replaceChildren(h("p", {}, t.tagline), select);
}

async function start(): Promise<void> {
  const kept = localStorage.getItem(LANGUAGE);
  speak(preferred(kept === null ? navigator.languages : [kept, ...navigator.languages]));
  try {
    const server = await client.server();
    organisation = server.relying_party;
    offered = server;
    speak(language);
    if (interaction !== undefined) {
      const found = await client.interaction(interaction);
      asker = { name: found.client.name, host: found.client.host, hint: found.login_hint ?? "" };
      crossable = found.crossing === true;
      if (kept === null && found.ui_locales.length > 0) speak(preferred([...found.ui_locales, ...navigator.languages]));
    }
  } catch (error) {
    return failure(interaction === undefined ? t.errors.unreachable : refusalOf(error) === "unreachable" ? wordsFor(error) : t.errors.over);
  }
  const brought = new URLSearchParams(location.hash.slice(1));
  if (location.hash !== "") history.replaceState(null, "", location.pathname + location.search); // a secret may be in it
  const [crossing, code] = [brought.get("crossing"), brought.get("enrol")];
  if (query.get("enrol") === "upstream") open(later(enrolling, ({ comeBack }) => comeBack()));
  else if (crossing !== null) open(later(across, ({ phone }) => phone(crossing)));
  else if (code !== null) open(later(enrolling, ({ invitation }) => invitation({ code, user: brought.get("user") ?? "" })));
  else open(() => login());
}

addEventListener("hashchange", () => location.reload()); // a link was opened here that brings something
void start().catch(() => failure(t.errors["no-storage"]));
