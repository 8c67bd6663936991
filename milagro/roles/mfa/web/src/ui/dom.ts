// Elements without any markup in strings, so that nothing a server or a user says can become markup.

type Child = Node | string | false | null | undefined;
type Attributes = Record<string, string | boolean | ((event: Event) => void) | undefined>;

/** An element: attributes, listeners (`onclick`, ..), children. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (typeof value === "string") element.setAttribute(name, value);
  }
  element.append(...children.filter((child): child is Node | string => child !== false && child !== null && child !== undefined && child !== ""));
  return element;
}

export function byId(id: string): HTMLElement {
  return document.getElementById(id) as HTMLElement;
}

let fields = 0;

/** A labelled input with a hint and a place for what is wrong with it. */
export class Field {
  readonly input: HTMLInputElement;
  readonly element: HTMLElement;
  private readonly fault: HTMLElement;

  constructor(label: string, attributes: Attributes, hint = "", reveal?: { label: string; show: string; hide: string }) {
    const id = `field-${++fields}`;
    this.fault = h("p", { id: `${id}-fault`, class: "fault", role: "alert" });
    const described = hint === "" ? `${id}-fault` : `${id}-fault ${id}-hint`;
    this.input = h("input", { id, required: true, "aria-describedby": described, spellcheck: "false", autocapitalize: "none", ...attributes });
    this.input.addEventListener("input", () => this.complain(""));
    const row = h("div", { class: "row" }, this.input, reveal !== undefined && this.revealer(reveal));
    this.element = h("div", { class: "field" }, h("label", { for: id }, label), row, hint !== "" && h("p", { id: `${id}-hint`, class: "hint" }, hint), this.fault);
  }

  get value(): string {
    return this.input.value;
  }

  /** Says what is wrong, and takes the user there; nothing is wrong if the text is empty. */
  complain(text: string): void {
    this.fault.textContent = text;
    this.input.toggleAttribute("aria-invalid", false);
    if (text !== "") {
      this.input.setAttribute("aria-invalid", "true");
      this.input.focus();
    }
  }

  clear(): void {
    this.input.value = "";
  }

  private revealer({ label, show, hide }: { label: string; show: string; hide: string }): HTMLElement {
    const button = h("button", { type: "button", class: "reveal", "aria-pressed": "false", "aria-label": label }, show);
    button.addEventListener("click", () => {
      const hidden = this.input.type === "password";
      this.input.type = hidden ? "text" : "password";
      button.setAttribute("aria-pressed", String(hidden));
      button.textContent = hidden ? hide : show;
      this.input.focus();
    });
    return button;
  }
}
