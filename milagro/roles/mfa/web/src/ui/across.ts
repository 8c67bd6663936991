// The views for two devices at once. A file of its own, which only a browser loads that takes part in that.

import { h } from "#page";

// The style first, or the view would jump.
await new Promise((done) => document.head.append(h("link", { rel: "stylesheet", href: "/client/across.css", onload: done, onerror: done })));

export { desktop, phone } from "./crossing.ts";
export { add, confirm, waiting } from "./second.ts";
