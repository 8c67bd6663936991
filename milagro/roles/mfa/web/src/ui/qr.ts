// What the other device is to read: a QR code that the server has made, the same as a link, and digits.

import { Field, h, say } from "#page";
import { words } from "./texts_across.ts";

const SVG = "http://www.w3.org/2000/svg";
const QUIET = 4; // modules around it, which readers need

/** A QR code of rows of 0 and 1. */
export function qrCode(rows: readonly string[], label: string): SVGElement {
  const size = rows.length + 2 * QUIET;
  const dark = rows.flatMap((row, y) => [...row.matchAll(/1+/g)].map((run) => `M${run.index + QUIET} ${y + QUIET}h${run[0].length}v1h-${run[0].length}z`));
  const image = shape("svg", { viewBox: `0 0 ${size} ${size}`, class: "qr", role: "img", "aria-label": label, "shape-rendering": "crispEdges" });
  image.append(shape("rect", { width: String(size), height: String(size), fill: "#fff" }), shape("path", { d: dark.join(""), fill: "#000" }));
  return image;
}

function shape(tag: string, attributes: Record<string, string>): SVGElement {
  const made = document.createElementNS(SVG, tag) as SVGElement;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** The link in a field to copy it from. */
export function linkField(address: string): HTMLElement {
  const w = words();
  const field = new Field(w.link, { readonly: true, value: address });
  field.input.required = false;
  field.input.addEventListener("focus", () => field.input.select());
  const copy = h("button", { type: "button", class: "secondary" }, w.copy);
  copy.addEventListener("click", () => void navigator.clipboard.writeText(address).then(() => {
    copy.textContent = w.copied;
    say(w.copied);
  }, () => field.input.focus()));
  return h("details", {}, h("summary", {}, w.noCamera), h("div", { class: "copy" }, field.element, copy));
}

/** Six digits, in two groups, as they are shown and read out. */
export function digits(code: string): HTMLElement {
  return h("strong", { class: "digits" }, `${code.slice(0, 3)} ${code.slice(3)}`);
}

/** A field for the digits that another device shows. */
export function digitsField(label: string, hint: string): Field {
  return new Field(label, { inputmode: "numeric", autocomplete: "off", maxlength: "8", class: "code" }, hint);
}

/** Asks again and again until it is told to stop or the view is left. */
export async function follow(place: HTMLElement, seconds: number, ask: () => Promise<boolean>): Promise<void> {
  for (;;) {
    await new Promise((done) => setTimeout(done, 1000 * seconds));
    if (!place.isConnected || !(await ask())) return;
  }
}
