// A second device by the first. Spec: spec/mpin.md#second-device
//
//   first device: PIN -> QR code -> digits of the new one -> account          new device: enrolled -> its digits -> log in

import type { Account, Kit } from "./app.ts";
import { wordsIn } from "./across_texts.ts";
import { digits, follow, linkField, qrCode } from "./qr.ts";

const SECONDS = 3;

/** Asks for the PIN, for nothing but this. */
export function add(kit: Kit, account: Account): void {
  const { h, t, client, show, open, form, primary, link, under, work, filled, home, rare } = kit;
  const words = wordsIn(kit.language);
  const pin = kit.pinField(t.pin);
  const body = form((place) => {
    if (!filled(pin)) return;
    void work(place, t.working, async () => {
      const known = (await client.devices(account.user, account.device).catch(() => ({ devices: [] }))).devices.map(({ name }) => name);
      const invitation = await client.inviteDevice(account.user, account.device, pin.value);
      invited(kit, account, invitation, known);
    }, (text, code) => {
      pin.clear();
      if (code === "device-waiting") open(rare("waiting", account));
      else pin.complain(text);
    });
  }, kit.hiddenUser(account.user), pin.element, primary(words.show));
  show(words.addTitle, h("p", { class: "lead" }, words.addIntro), kit.person(account), body, under(link(t.back, () => home(account))));
}

function invited(kit: Kit, account: Account, { code, link: address, qr, user }: { code: string; link: string; qr: string[]; user: string }, known: string[]): void {
  const { h, t, client, show, open, link, under, home, fill } = kit;
  const words = wordsIn(kit.language);
  const news = h("p", { class: "hint" }, words.waitsForNew);
  const steps = h("ol", { class: "steps" }, h("li", {}, words.scan), h("li", {}, words.chooseThere), h("li", {}, words.typeHere));
  const typed = h("p", { class: "hint" }, fill(words.byHand, { user }), h("strong", { class: "code" }, code));
  show(words.inviteTitle, qrCode(qr, words.qrAdd), steps, linkField(kit, words, address), typed, news, under(link(t.back, () => home(account))));
  void follow(news, SECONDS, async () => {
    const found = await client.devices(account.user, account.device).catch(() => null);
    const fresh = found?.devices.find(({ name, state }) => state === "waiting" && !known.includes(name));
    if (fresh !== undefined && news.isConnected) open(() => confirm(kit, account, fresh.name));
    return fresh === undefined;
  });
}

/** Takes the digits that the new device shows; or removes it. */
export function confirm(kit: Kit, account: Account, name: string): void {
  const { h, t, client, show, open, form, primary, link, under, work, filled, home, fill, inform, say } = kit;
  const words = wordsIn(kit.language);
  const code = new kit.Field(words.digitsOfNew, { inputmode: "numeric", autocomplete: "off", maxlength: "8", class: "code" }, words.digitsOfNewHint);
  const body = form((place) => {
    if (!filled(code)) return;
    void work(place, t.working, async () => {
      await client.confirmDevice(account.user, account.device, name, code.value.trim());
      inform(fill(words.confirmed, { device: name }));
      open(() => home(account));
    }, (text, refusal) => {
      code.clear();
      code.complain(refusal === "matching-code-refused" ? words.wrongDigits : text);
    });
  }, code.element, primary(t.confirm));
  const button = h("button", { type: "button", class: "danger" }, words.notMine);
  const place = h("div", { class: "last" }, button);
  const remove = async (): Promise<void> => {
    await client.removeDevice(account.user, account.device, name);
    inform(fill(t.doneRemove, { device: name }));
    open(() => home(account));
  };
  button.addEventListener("click", () => place.append(kit.sure(button, fill(t.removeSure, { device: name }), t.removeYes, place, remove)));
  show(words.confirmTitle, h("p", { class: "lead" }, fill(words.confirmIntro, { device: name })), body, place, under(link(t.back, () => home(account))));
  say(fill(words.confirmIntro, { device: name }));
}

/** On the new device: the digits, until the first one has confirmed them. */
export async function waiting(kit: Kit, account: Account): Promise<void> {
  const { h, client, show, open, inform, login, refusalOf, failure, wordsFor } = kit;
  const words = wordsIn(kit.language);
  const { digits: code } = await client.standing(account.user, account.device);
  const news = h("p", { class: "hint" }, words.waitsForFirst);
  show(words.waitingTitle, h("p", { class: "lead" }, words.waitingIntro), kit.person(account), digits(kit, code), news);
  await follow(news, SECONDS, async () => {
    try {
      if ((await client.standing(account.user, account.device)).status !== "active") return true;
      inform(words.isConfirmed);
      open(() => login(account));
    } catch (error) {
      if (!/unknown-identity|suspended/.test(refusalOf(error))) return true;
      failure(wordsFor(error));
    }
    return false;
  });
}
