// Logging in with another device. Spec: spec/oidc.md#crossing
//
//   desktop: QR code and digits -> the site            phone: who asks, digits -> PIN -> done

import { type Account, aim, asker, client, failure, fill, filled, form, h, interaction, link, login, open, person, primary, say, show, t, under, wordsFor, work } from "#page";
import { frame, refusalOf, toBase64url } from "#client";
import { digits, digitsField, follow, linkField, qrCode } from "./qr.ts";
import { words } from "./texts_across.ts";

interface Started {
  link: string;
  qr: string[];
  code: string;
  secret: string;
  seconds: number;
}

interface Shown {
  client: { name: string; host: string };
  browser: string;
  same_network: boolean | null;
  login_hint: string | null;
}

type Ending = "over" | "denied" | "failed" | "refused" | "otherNetwork";

const SECONDS = 2;

// -- the desktop ------------------------------------------------------------------------------------------------------
/** What the phone reads, until the phone has answered. */
export async function desktop(): Promise<void> {
  const started = await client.post<Started>("/oidc/crossing/start", { interaction });
  open(() => offer(started));
}

async function offer({ link: address, qr, code, secret, seconds }: Started): Promise<void> {
  const w = words();
  const own = { interaction, secret };
  const news = h("p", { class: "hint" }, fill(w.waits, { minutes: Math.ceil(seconds / 60) }));
  const stop = h("button", { type: "button", class: "link", onclick: () => {
    void client.post("/oidc/crossing/stop", own).catch(() => undefined);
    open(() => login());
  } }, t.back);
  const steps = h("ol", { class: "steps" }, h("li", {}, w.step1), h("li", {}, h("div", {}, w.step2, digits(code))), h("li", {}, w.step3));
  const image = qrCode(qr, w.qrLogin);
  show(w.desktopTitle, image, steps, linkField(address), news, under(stop));
  await follow(news, SECONDS, async () => {
    const state = await stateOf(own);
    if (!news.isConnected) return false;
    if (state === "matched" && image.isConnected) {
      news.textContent = w.matched;
      news.className = "lead";
      show(w.matchedTitle, news, under(stop));
      say(w.matched);
    }
    if (state === "done") await finish(own);
    else if (state === "denied" || state === "failed" || state === "over") open(() => ended(state, ...again()));
    return state === "open" || state === "matched" || state === "";
  });
}

/** How far the phone is; nothing if the server cannot be asked just now. */
async function stateOf(own: object): Promise<string> {
  try {
    return (await client.post<{ state: string }>("/oidc/crossing/state", own)).state;
  } catch (error) {
    return refusalOf(error) === "crossing-over" ? "over" : "";
  }
}

async function finish(own: object): Promise<void> {
  const answer = await client.post<{ continue: string }>("/oidc/crossing/finish", own);
  const target = new URL(answer.continue, location.origin);
  say(fill(t.going, { name: asker?.name ?? "" }));
  if (target.origin === location.origin) location.assign(target.href);
}

function again(): HTMLElement[] {
  const button = h("button", { type: "button", class: "primary", onclick: () => open(desktop) }, h("span", {}, words().again));
  return [button, under(link(t.back, () => login()))];
}

// -- the phone --------------------------------------------------------------------------------------------------------
/** Who asks, and a field for the digits that the other device shows. */
export async function phone(crossing: string): Promise<void> {
  const w = words();
  let shown: Shown;
  try {
    shown = await client.post<Shown>("/oidc/crossing/show", { crossing });
  } catch (error) {
    return gone(error);
  }
  if ((await client.accounts()).length === 0) return notHere();
  const code = digitsField(w.digits, w.digitsHint);
  const done = (place: HTMLElement): void => {
    if (!filled(code)) return;
    void work(place, t.working, async () => {
      const { phone } = await client.post<{ phone: string }>("/oidc/crossing/match", { crossing, code: code.value });
      await enterPin(crossing, phone, shown);
    }, (text, refusal) => {
      code.clear();
      if (refusal === "crossing-over") open(() => ended("over"));
      else code.complain(refusal === "matching-code-refused" ? w.wrongDigits : text);
    });
  };
  const { name, host } = shown.client;
  const site = fact(w.site, h("strong", {}, name), ` ${fill(t.at, { host })}`);
  const network = fact(w.network, w.networks[String(shown.same_network) as "true"]);
  const about = h("dl", { class: "facts" }, ...site, ...fact(w.asks, shown.browser || w.unknown), ...network);
  const warning = shown.same_network !== true && h("p", { class: "warning" }, w.elsewhere);
  const body = form(done, code.element, primary(w.next));
  show(w.phoneTitle, h("p", { class: "lead" }, w.phoneIntro), about, warning, body, under(refuse(crossing)));
}

function fact(name: string, ...text: (Node | string)[]): HTMLElement[] {
  return [h("dt", {}, name), h("dd", {}, ...text)];
}

function refuse(crossing: string): HTMLElement {
  return h("button", { type: "button", class: "danger", onclick: () => {
    void client.post("/oidc/crossing/deny", { crossing }).then(() => open(() => ended("refused")), gone);
  } }, words().notMe);
}

/** The page's own view for the PIN, for a login that is signed for this crossing and for the site that was shown. */
async function enterPin(crossing: string, phone: string, { client: { name, host }, login_hint: hint }: Shown): Promise<void> {
  const octets = frame("MILAGRO-ROLES-V1_CROSSING", crossing, host);
  const purpose = `crossing ${toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", octets)))}`;
  const errand = { path: "/oidc/crossing/login", purpose, more: { crossing, phone } };
  const arrived = (account: Account): void => open(() => loggedIn(account, name));
  aim({ errand, arrived, leave: () => refuse(crossing) }, { name, host, hint: hint ?? "" });
  open(() => login());
}

function loggedIn(account: Account, name: string): void {
  const w = words();
  const text = fill(w.done, { name });
  show(w.doneTitle, person(account), h("p", { class: "notice" }, text));
  say(text);
}

function notHere(): void {
  const w = words();
  show(w.notHereTitle, h("p", { class: "lead" }, w.notHere), under(link(w.setUp, () => login())));
}

// -- both -------------------------------------------------------------------------------------------------------------
function gone(error: unknown): void {
  const refusal = refusalOf(error);
  if (refusal === "crossing-over") ended("over");
  else if (refusal === "other-network") ended("otherNetwork");
  else failure(wordsFor(error));
}

function ended(how: Ending, ...more: HTMLElement[]): void {
  const w = words();
  show(w.endedTitle, h("p", { class: "lead", role: "alert" }, w[how]), ...more);
}
