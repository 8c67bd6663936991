// The views for two devices at once, loaded only where one is needed.

import { h } from "./dom.ts";

// The style first, or the view would jump.
await new Promise((done) => document.head.append(h("link", { rel: "stylesheet", href: "/client/across.css", onload: done, onerror: done })));

export { desktop, phone } from "./crossing.ts";
export { add, confirm, waiting } from "./second.ts";
