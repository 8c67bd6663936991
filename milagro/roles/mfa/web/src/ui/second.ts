// A second device by the first. Spec: spec/mpin.md#second-device
//
//   first device: PIN -> QR code -> digits of the new one -> account          new device: enrolled -> its digits -> log in

import { type Account, client, failure, fill, filled, form, h, hiddenUser, home, link, login, open, person, pinField, primary, say, show, sure, t, tellNext, under, wordsFor, work } from "#page";
import { type DeviceInvitationAnswer, refusalOf } from "#client";
import { digits, digitsField, follow, linkField, qrCode } from "./qr.ts";
import { words } from "./texts_across.ts";

const SECONDS = 3;

/** Asks for the PIN, for nothing but this. */
export function add(account: Account): void {
  const w = words();
  const pin = pinField(t.pin);
  const done = (place: HTMLElement): void => {
    if (!filled(pin)) return;
    void work(place, t.working, async () => {
      const known = (await client.devices(account.user, account.device).catch(() => ({ devices: [] }))).devices.map(({ name }) => name);
      const invitation = await client.inviteDevice(account.user, account.device, pin.value);
      open(() => invited(account, invitation, known));
    }, (text, code) => {
      pin.clear();
      if (code === "device-waiting") open(() => waiting(account));
      else pin.complain(text);
    });
  };
  const body = form(done, hiddenUser(account.user), pin.element, primary(w.show));
  show(w.addTitle, h("p", { class: "lead" }, w.addIntro), person(account), body, under(link(t.back, () => home(account))));
}

async function invited(account: Account, { code, link: address, qr, user }: DeviceInvitationAnswer, known: string[]): Promise<void> {
  const w = words();
  const news = h("p", { class: "hint" }, w.waitsForNew);
  const steps = h("ol", { class: "steps" }, h("li", {}, w.scan), h("li", {}, w.chooseThere), h("li", {}, w.typeHere));
  const typed = h("p", { class: "hint" }, fill(w.byHand, { user }), h("strong", { class: "code" }, code));
  show(w.inviteTitle, qrCode(qr, w.qrAdd), steps, linkField(address), typed, news, under(link(t.back, () => home(account))));
  await follow(news, SECONDS, async () => {
    const found = await client.devices(account.user, account.device).catch(() => null);
    const fresh = found?.devices.find(({ name, state }) => state === "waiting" && !known.includes(name));
    if (fresh !== undefined && news.isConnected) open(() => confirm(account, fresh.name));
    return fresh === undefined;
  });
}

/** Takes the digits that the new device shows; or removes it. */
export function confirm(account: Account, name: string): void {
  const w = words();
  const code = digitsField(w.digitsOfNew, w.digitsOfNewHint);
  const done = (place: HTMLElement): void => {
    if (!filled(code)) return;
    void work(place, t.working, async () => {
      await client.confirmDevice(account.user, account.device, name, code.value.trim());
      tellNext(fill(w.confirmed, { device: name }));
      open(() => home(account));
    }, (text, refusal) => {
      code.clear();
      code.complain(refusal === "matching-code-refused" ? w.wrongDigits : text);
    });
  };
  const button = h("button", { type: "button", class: "danger" }, w.notMine);
  const place = h("div", { class: "last" }, button);
  const remove = async (): Promise<void> => {
    await client.removeDevice(account.user, account.device, name);
    tellNext(fill(t.doneRemove, { device: name }));
    open(() => home(account));
  };
  button.addEventListener("click", () => place.append(sure(button, fill(t.removeSure, { device: name }), t.removeYes, place, remove)));
  const intro = fill(w.confirmIntro, { device: name });
  show(w.confirmTitle, h("p", { class: "lead" }, intro), form(done, code.element, primary(t.confirm)), place, under(link(t.back, () => home(account))));
  say(intro);
}

/** On the new device: the digits, until the first one has confirmed them. */
export async function waiting(account: Account): Promise<void> {
  const w = words();
  const { digits: code } = await client.standing(account.user, account.device);
  const news = h("p", { class: "hint" }, w.waitsForFirst);
  show(w.waitingTitle, h("p", { class: "lead" }, w.waitingIntro), person(account), digits(code), news);
  await follow(news, SECONDS, async () => {
    try {
      if ((await client.standing(account.user, account.device)).status !== "active") return true;
      tellNext(words().isConfirmed);
      open(() => login(account));
    } catch (error) {
      if (!/unknown-identity|suspended/.test(refusalOf(error))) return true;
      failure(wordsFor(error));
    }
    return false;
  });
}
