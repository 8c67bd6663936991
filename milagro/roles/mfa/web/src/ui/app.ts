// The page: which view there is, and what its buttons do. All that computes is in the client.
//
//   enrol -> pin -> account      login -> account | the site that asked      account -> change | devices      recover

import { Client, type DeviceAnswer, type Errand, IndexedDbVault, refusalOf } from "#client";
import { byId, Field, h } from "./dom.ts";
import { weakness } from "./pins.ts";
import { type Catalogue, CATALOGUES, fill, type Language, preferred } from "./texts.ts";

export interface Account {
  user: string;
  device: string;
}

interface Wanted extends Account {
  code: string;
  replaces: boolean;
}

interface Asker {
  name: string;
  host: string;
  hint: string;
}

type Show = () => void | Promise<void>;

/** What a login is for: a visit to the account, a site, another browser. */
interface Goal {
  errand?: string | Errand;
  arrived: (account: Account, said: string) => void;
  leave: () => HTMLElement | false;
}

const LANGUAGE = "milagro-language";
const interaction = new URLSearchParams(location.search).get("interaction") ?? undefined;
const tell = ({ name, reason, code }: { name: string; reason: string; code: string }): void => console.warn(`D-TA ${name}: ${reason} ${code}`);
const client = new Client({ origin: location.origin, vault: new IndexedDbVault(), tell });

let language: Language = "en";
let t: Catalogue = CATALOGUES.en;
let organisation = "";
let asker: Asker | null = null;
let shown: Show = () => undefined;
let notice = "";
let busy = false;
let across = false;
let goal: Goal = { arrived, leave: () => interaction !== undefined && cancel(), ...(interaction !== undefined && { errand: interaction }) };

// -- showing ----------------------------------------------------------------------------------------------------------
/** Puts a view in the place of the one before, and a screen reader's attention on its title. */
function show(title: string, ...body: (Node | string | false)[]): void {
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

function open(view: Show): void {
  shown = view;
  void view();
}

function say(text: string): void {
  byId("status").textContent = text;
}

function wordsFor(error: unknown): string {
  const code = refusalOf(error);
  const known = t.errors as Record<string, string>;
  const alias: Record<string, string> = { silent: "unreachable", slow: "unreachable", "rate-limited": "busy", "timed-out": "busy", replay: "expired", "not-found": "unknown-identity" };
  return known[code] ?? known[alias[code] ?? ""] ?? fill(t.errors.other, { code });
}

/** Runs what a form or a button starts, once at a time, with a sign that it runs. */
async function work(place: HTMLElement, text: string, task: () => Promise<void>, failed: (words: string, code: string) => void): Promise<void> {
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

function form(submit: (form: HTMLFormElement) => void, ...children: (Node | string | false)[]): HTMLFormElement {
  const made = h("form", { novalidate: true, autocomplete: "off" }, ...children);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(made);
  });
  return made;
}

function primary(text: string): HTMLButtonElement {
  return h("button", { type: "submit", class: "primary" }, h("span", {}, text));
}

function link(text: string, view: Show): HTMLButtonElement {
  return h("button", { type: "button", class: "link", onclick: () => open(view) }, text);
}

function pinField(label: string, hint = ""): Field {
  return new Field(label, { type: "password", autocomplete: "off", maxlength: "256" }, hint, { label: t.showPin, show: t.show, hide: t.hide });
}

/** Whether every field has something in it; the first one that has not is pointed out. */
function filled(...fields: Field[]): boolean {
  const empty = fields.find(({ value }) => value.trim() === "");
  empty?.complain(t.errors.empty);
  return empty === undefined;
}

/** Whether a new PIN, typed twice, will do. */
function chosen(pin: Field, again: Field): boolean {
  if (!filled(pin, again)) return false;
  const weak = weakness(pin.value);
  if (weak !== "") pin.complain(t.errors[weak]);
  else if (pin.value !== again.value) again.complain(t.errors.differ);
  return weak === "" && pin.value === again.value;
}

// -- enrol ------------------------------------------------------------------------------------------------------------
function enrol(known: Partial<Wanted> = {}, fault?: { code: string; words: string }): void {
  const user = new Field(t.user, { autocomplete: "username", maxlength: "256", value: known.user ?? asker?.hint ?? "" });
  const code = new Field(t.code, { autocomplete: "one-time-code", maxlength: "64", value: known.code ?? "", class: "code" }, t.codeHint);
  const device = new Field(t.device, { autocomplete: "off", maxlength: "64", value: known.device ?? browserName() }, t.deviceHint);
  const done = (): void => {
    if (!filled(user, code, device)) return;
    open(() => choosePin({ user: user.value.trim(), code: code.value.trim(), device: device.value.trim(), replaces: known.replaces ?? false }));
  };
  const body = form(done, user.element, code.element, device.element, primary(t.next));
  show(t.title.enrol, asking(), h("p", { class: "lead" }, t.enrolIntro), body, elsewhere(), under(accountsLink()));
  if (fault !== undefined) (fault.code === "device-pinned" || fault.code === "already-exists" ? device : code).complain(fault.words);
}

function choosePin(application: Wanted): void {
  const pin = pinField(t.newPin, t.pinHint);
  const again = pinField(t.again);
  const general = h("p", { class: "fault", role: "alert" });
  const done = (place: HTMLFormElement): void => {
    if (!chosen(pin, again)) return;
    const typed = pin.value;
    void work(place, t.working, async () => {
      await client.enrol(application, typed, application.replaces);
      await enter(application, typed, t.doneEnrol);
    }, (words, code) => {
      if (/invitation|pinned|exists/.test(code)) open(() => enrol(application, { code, words }));
      else general.textContent = words;
    });
  };
  const body = form(done, hiddenUser(application.user), pin.element, again.element, general, primary(t.enrol));
  show(t.title.pin, h("p", { class: "lead" }, fill(t.pinIntro, { user: application.user })), body, under(link(t.back, () => enrol(application))));
}

/** A name for this browser that tells it from others of the same user. */
function browserName(): string {
  const agent = navigator.userAgent;
  const maker = /Firefox/.test(agent) ? "Firefox" : /Edg/.test(agent) ? "Edge" : /Chrom/.test(agent) ? "Chrome" : /Safari/.test(agent) ? "Safari" : "Browser";
  const system = /Android/.test(agent) ? "Android" : /iPhone|iPad/.test(agent) ? "iOS" : /Windows/.test(agent) ? "Windows" : /Mac/.test(agent) ? "macOS" : "Linux";
  return `${maker} · ${system}`;
}

// -- log in -----------------------------------------------------------------------------------------------------------
async function login(chosenAccount?: Account): Promise<void> {
  const accounts = await client.accounts();
  if (accounts.length === 0) return enrol();
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
  show(t.title.login, asking(), body, elsewhere(), under(link(t.forgot, () => recover(account)), link(t.other, () => enrol()), goal.leave()));
}

function chooser(accounts: Account[], first: Account, choose: (account: Account) => void): HTMLElement {
  const options = accounts.map((account, at) => {
    const checked = account.user === first.user && account.device === first.device;
    const radio = h("input", { type: "radio", name: "account", id: `account-${at}`, checked, onchange: () => choose(account) });
    return h("div", { class: "option" }, radio, h("label", { for: `account-${at}` }, avatar(account.user), h("span", { class: "who" }, h("strong", {}, account.user), h("small", {}, account.device))));
  });
  return h("fieldset", { class: "accounts" }, h("legend", {}, t.accounts), ...options);
}

function person({ user, device }: Account): HTMLElement {
  return h("div", { class: "person" }, avatar(user), h("span", { class: "who" }, h("strong", {}, user), h("small", {}, device)));
}

function avatar(user: string): HTMLElement {
  return h("span", { class: "avatar", "aria-hidden": "true" }, (Array.from(user)[0] ?? "?").toUpperCase());
}

/** Password managers and screen readers learn whose secret it is. */
function hiddenUser(user: string): HTMLInputElement {
  return h("input", { type: "text", class: "quiet", name: "username", autocomplete: "username", value: user, readonly: true, tabindex: "-1", "aria-hidden": "true" });
}

/** Logs in; then to the site that asked, or to the account. */
async function enter(account: Account, pin: string, said = ""): Promise<void> {
  try {
    await client.login(account.user, account.device, pin, goal.errand);
  } catch (error) {
    if (refusalOf(error) !== "device-waiting") throw error;
    return open(rare("waiting", account));
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

/** A view that most visits do without, in a file of its own. */
function rare(name: keyof typeof import("#across"), ...about: unknown[]): Show {
  return async () => {
    try {
      const views: Record<string, (kit: Kit, ...about: any[]) => void | Promise<void>> = await import("#across");
      await views[name]?.(kit(), ...about);
    } catch (error) {
      failure(wordsFor(error));
    }
  };
}

export type Kit = ReturnType<typeof kit>;

/** What such a view is made of. */
function kit() {
  const inform = (text: string): void => { notice = text; };
  const set = (next: Goal, who: Asker): void => { goal = next; asker = who; across = false; };
  return {
    t, language, client, interaction, asker, h, Field, fill, show, open, say, work, form, primary, link, under, pinField, hiddenUser,
    filled, person, sure, wordsFor, refusalOf, failure, inform, set, login, enrol, home, rare,
  };
}

function elsewhere(): HTMLElement | false {
  return across && h("button", { type: "button", class: "secondary wide", onclick: () => open(rare("desktop")) }, t.across);
}

/** For whom the login is, if a site asked for it. */
function asking(): HTMLElement | false {
  if (asker === null) return false;
  return h("p", { class: "asker" }, fill(t.to, { name: "" }), h("strong", {}, asker.name), " ", h("span", { class: "host" }, fill(t.at, { host: asker.host })));
}

// -- account ----------------------------------------------------------------------------------------------------------
async function home(account: Account): Promise<void> {
  const list = h("ul", { class: "devices" });
  const out = h("button", { type: "button", class: "secondary", onclick: () => { notice = t.doneOut; open(() => login(account)); } }, t.signOut);
  const change = h("button", { type: "button", class: "secondary", onclick: () => open(() => changePin(account)) }, t.changePin);
  const add = h("button", { type: "button", class: "secondary wide", onclick: () => open(rare("add", account)) }, t.addDevice);
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
    type: "button", class: "link", "aria-label": fill(t.confirmNamed, { device: device.name }), onclick: () => open(rare("confirm", account, device.name)),
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
function sure(button: HTMLButtonElement, question: string, yesText: string, place: HTMLElement, act: () => Promise<void>): HTMLElement {
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

// -- recover ----------------------------------------------------------------------------------------------------------
function recover(account: Account): void {
  const steps = h("ol", { class: "steps" }, ...t.recoverSteps.map((step) => h("li", {}, step)));
  const start = h("button", { type: "button", class: "primary", onclick: () => open(() => enrol({ ...account, replaces: true })) }, h("span", {}, t.recoverStart));
  const button = h("button", { type: "button", class: "danger" }, fill(t.forget, account));
  const place = h("div", { class: "last" }, button);
  const forget = async (): Promise<void> => {
    await client.forget(account.user, account.device);
    notice = fill(t.doneForget, account);
    open(() => login());
  };
  button.addEventListener("click", () => place.append(sure(button, fill(t.forgetSure, account), t.forgetYes, place, forget)));
  show(t.title.recover, h("p", { class: "lead" }, t.recoverIntro), steps, start, place, under(link(t.back, () => login(account))));
}

function failure(words: string): void {
  show(t.title.error, h("p", { class: "fault", role: "alert" }, words));
}

function accountsLink(): HTMLElement | false {
  const place = h("span", {});
  void client.accounts().then((accounts) => {
    if (accounts.length > 0) place.append(link(t.back, () => login()));
  }, () => undefined);
  return place;
}

function under(...children: (HTMLElement | false)[]): HTMLElement {
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
    organisation = (await client.server()).relying_party;
    speak(language);
    if (interaction !== undefined) {
      const found = await client.interaction(interaction);
      asker = { name: found.client.name, host: found.client.host, hint: found.login_hint ?? "" };
      across = found.crossing === true;
      if (kept === null && found.ui_locales.length > 0) speak(preferred([...found.ui_locales, ...navigator.languages]));
    }
  } catch (error) {
    return failure(interaction === undefined ? t.errors.unreachable : refusalOf(error) === "unreachable" ? wordsFor(error) : t.errors.over);
  }
  const brought = new URLSearchParams(location.hash.slice(1));
  if (location.hash !== "") history.replaceState(null, "", location.pathname + location.search); // a secret may be in it
  const crossing = brought.get("crossing");
  const code = brought.get("enrol");
  if (crossing !== null) open(rare("phone", crossing));
  else if (code !== null) open(() => enrol({ code, user: brought.get("user") ?? "" }));
  else open(() => login());
}

addEventListener("hashchange", () => location.reload()); // a link was opened here that brings something
void start().catch(() => failure(t.errors["no-storage"]));
