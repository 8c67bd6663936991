// Logging in with another device. Spec: spec/oidc.md#crossing
//
//   desktop: QR code and digits -> the site            phone: who asks, digits -> PIN -> done

import { frame, toBase64url } from "#client";
import type { Account, Kit } from "./app.ts";
import { wordsIn } from "./across_texts.ts";
import { digits, follow, linkField, qrCode } from "./qr.ts";

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

const SECONDS = 2;

/** The desktop's view: what the phone reads, until the phone has answered. */
export async function desktop(kit: Kit): Promise<void> {
  const { h, client, interaction, fill, show, open, say, under, login } = kit;
  const words = wordsIn(kit.language);
  const { link, qr, code, secret, seconds } = await client.post<Started>("/oidc/crossing/start", { interaction });
  const own = { interaction, secret };
  const news = h("p", { class: "hint" }, fill(words.waits, { minutes: Math.ceil(seconds / 60) }));
  const stop = h("button", { type: "button", class: "link", onclick: () => {
    void client.post("/oidc/crossing/stop", own).catch(() => undefined);
    open(() => login());
  } }, kit.t.back);
  const steps = h("ol", { class: "steps" }, h("li", {}, words.step1), h("li", {}, h("div", {}, words.step2, digits(kit, code))), h("li", {}, words.step3));
  const image = qrCode(qr, words.qrLogin);
  show(words.desktopTitle, image, steps, linkField(kit, words, link), news, under(stop));
  await follow(news, SECONDS, async () => {
    const state = await stateOf(kit, own);
    if (state === "matched" && image.isConnected) {
      news.textContent = words.matched;
      news.className = "lead";
      show(words.matchedTitle, news, under(stop));
      say(words.matched);
    }
    if (state === "done") await finish(kit, own);
    else if (state === "denied" || state === "failed" || state === "over") ended(kit, words[state]);
    return state === "open" || state === "matched" || state === "";
  });
}

/** How far the phone is; nothing if the server cannot be asked just now. */
async function stateOf({ client, refusalOf }: Kit, own: object): Promise<string> {
  try {
    return (await client.post<{ state: string }>("/oidc/crossing/state", own)).state;
  } catch (error) {
    return refusalOf(error) === "crossing-over" ? "over" : "";
  }
}

async function finish({ client, say, fill, t, asker, failure, wordsFor }: Kit, own: object): Promise<void> {
  try {
    const answer = await client.post<{ continue: string }>("/oidc/crossing/finish", own);
    const target = new URL(answer.continue, location.origin);
    say(fill(t.going, { name: asker?.name ?? "" }));
    if (target.origin === location.origin) location.assign(target.href);
  } catch (error) {
    failure(wordsFor(error));
  }
}

function ended(kit: Kit, text: string): void {
  const { h, t, show, open, under, link, login, rare } = kit;
  const words = wordsIn(kit.language);
  const again = h("button", { type: "button", class: "primary", onclick: () => open(rare("desktop")) }, h("span", {}, words.again));
  show(words.endedTitle, h("p", { class: "lead", role: "alert" }, text), again, under(link(t.back, () => login())));
}

/** The phone's view: who asks, and the digits that the other device shows. */
export async function phone(kit: Kit, crossing: string): Promise<void> {
  const { h, t, client, Field, fill, show, form, primary, under, work, filled } = kit;
  const words = wordsIn(kit.language);
  let shown: Shown;
  try {
    shown = await client.post<Shown>("/oidc/crossing/show", { crossing });
  } catch (error) {
    return gone(kit, error);
  }
  if ((await client.accounts()).length === 0) return notHere(kit);
  const code = new Field(words.digits, { inputmode: "numeric", autocomplete: "off", maxlength: "8", class: "code" }, words.digitsHint);
  const body = form((place) => {
    if (!filled(code)) return;
    void work(place, t.working, async () => {
      const { phone } = await client.post<{ phone: string }>("/oidc/crossing/match", { crossing, code: code.value });
      await enterPin(kit, crossing, phone, shown);
    }, (text, refusal) => {
      code.clear();
      if (refusal === "matching-code-refused") code.complain(words.wrongDigits);
      else if (refusal === "crossing-over") over(kit, words.over);
      else code.complain(text);
    });
  }, code.element, primary(t.next));
  const about = h("dl", { class: "facts" }, ...fact(kit, words.site, h("strong", {}, shown.client.name), ` ${fill(t.at, { host: shown.client.host })}`), ...fact(kit, words.asks, shown.browser || words.unknown), ...fact(kit, words.network, words.networks[String(shown.same_network) as "true"]));
  const warning = shown.same_network === true ? false : h("p", { class: "warning" }, words.elsewhere);
  show(words.phoneTitle, h("p", { class: "lead" }, words.phoneIntro), about, warning, body, under(refuse(kit, crossing)));
}

function fact({ h }: Kit, name: string, ...text: (Node | string)[]): HTMLElement[] {
  return [h("dt", {}, name), h("dd", {}, ...text)];
}

function refuse(kit: Kit, crossing: string): HTMLElement {
  const words = wordsIn(kit.language);
  return kit.h("button", { type: "button", class: "danger", onclick: () => {
    void kit.client.post("/oidc/crossing/deny", { crossing }).then(() => over(kit, words.refused), (error: unknown) => gone(kit, error));
  } }, words.notMe);
}

/** The page's own view for the PIN, for a login that is signed for this crossing and for the site that was shown. */
async function enterPin(kit: Kit, crossing: string, phone: string, { client: { name, host }, login_hint: hint }: Shown): Promise<void> {
  const octets = frame("MILAGRO-ROLES-V1_CROSSING", crossing, host);
  const purpose = `crossing ${toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", octets)))}`;
  const errand = { path: "/oidc/crossing/login", purpose, more: { crossing, phone } };
  const words = wordsIn(kit.language);
  const arrived = (account: Account): void => {
    kit.show(words.doneTitle, kit.person(account), kit.h("p", { class: "notice" }, kit.fill(words.done, { name })));
    kit.say(kit.fill(words.done, { name }));
  };
  kit.set({ errand, arrived, leave: () => refuse(kit, crossing) }, { name, host, hint: hint ?? "" });
  kit.open(() => kit.login());
}

function notHere(kit: Kit): void {
  const words = wordsIn(kit.language);
  kit.show(words.notHereTitle, kit.h("p", { class: "lead" }, words.notHere), kit.under(kit.link(words.setUp, () => kit.enrol())));
}

function gone(kit: Kit, error: unknown): void {
  const words = wordsIn(kit.language);
  const refusal = kit.refusalOf(error);
  over(kit, refusal === "crossing-over" ? words.over : refusal === "other-network" ? words.otherNetwork : kit.wordsFor(error));
}

function over(kit: Kit, text: string): void {
  kit.show(wordsIn(kit.language).endedTitle, kit.h("p", { class: "lead", role: "alert" }, text));
}
