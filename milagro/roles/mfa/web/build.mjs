// Builds what the MFA server serves: `node build.mjs` writes dist/, `node build.mjs --check` says whether dist/ is what a build
// gives, octet for octet, and whether all of it together stays small.

import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const DIST = new URL("./dist/", import.meta.url);
const MOST_OCTETS = 60_000; // gzipped, all that a visit to the page loads
const RARE = ["enrolling.js", "across.js", "across.css"]; // loaded where one of their views is shown, and not at other visits
const LICENCES = "licences.txt";
const LICENCE = `/*! Milagro, Apache License 2.0. With parts of noble-curves, noble-hashes and noble-post-quantum by Paul Miller,
MIT License, see ${LICENCES}. */`;

const common = {
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome137", "firefox130", "safari17.4"],
  charset: "utf8",
  legalComments: "none",
  write: false,
  absWorkingDir: new URL(".", import.meta.url).pathname,
  logLevel: "warning",
};

async function bundled(entry, name, more = {}) {
  const { outputFiles } = await build({ ...common, entryPoints: [entry], outfile: `dist/${name}`, ...more });
  return outputFiles[0].contents;
}

async function built() {
  const files = new Map();
  const banner = { js: LICENCE };
  files.set("milagro-client.js", await bundled("src/core/index.ts", "milagro-client.js", { banner }));
  const parts = { "#client": "./milagro-client.js", "#page": "./app.js", "#enrolling": "./enrolling.js", "#across": "./across.js" };
  const apart = { external: Object.values(parts), alias: parts };
  for (const name of ["app.js", "app.css", ...RARE]) files.set(name, await bundled(`src/ui/${name.replace(/js$/, "ts")}`, name, apart));
  for (const name of ["index.html", "icon.svg"]) files.set(name, await readFile(new URL(`src/ui/${name}`, import.meta.url)));
  files.set(LICENCES, await licences());
  return files;
}

/** The licences of what is built in. */
async function licences() {
  const parts = ["curves", "hashes", "post-quantum"].map(async (name) => {
    const text = await readFile(new URL(`node_modules/@noble/${name}/LICENSE`, import.meta.url), "utf8");
    return `noble-${name}\n\n${text.trim()}\n`;
  });
  return Buffer.from((await Promise.all(parts)).join("\n\n"));
}

function report(files) {
  let sum = 0;
  for (const [name, octets] of files) {
    const small = gzipSync(octets, { level: 9 }).length;
    if (name !== LICENCES && !RARE.includes(name)) sum += small;
    const digest = createHash("sha256").update(octets).digest("hex").slice(0, 16);
    console.log(`${name.padEnd(20)} ${String(octets.length).padStart(7)} octets, ${String(small).padStart(6)} gzipped, sha256 ${digest}`);
  }
  console.log(`${"every visit".padEnd(20)} ${" ".repeat(14)} ${String(sum).padStart(7)} gzipped, at most ${MOST_OCTETS}`);
  if (sum > MOST_OCTETS) throw new Error("the page has grown too large");
}

async function check(files) {
  const there = await readdir(DIST);
  const strangers = there.filter((name) => !files.has(name));
  const different = [];
  for (const [name, octets] of files) {
    const kept = await readFile(new URL(name, DIST)).catch(() => null);
    if (kept === null || Buffer.compare(kept, octets) !== 0) different.push(name);
  }
  const wrong = [...strangers, ...different];
  if (wrong.length > 0) throw new Error(`dist/ is not what the sources give: ${wrong.join(", ")}; run "npm run build"`);
  console.log("dist/ is what the sources give, octet for octet");
}

const files = await built();
report(files);
if (process.argv.includes("--check")) {
  await check(files);
} else {
  await rm(DIST, { recursive: true, force: true });
  await mkdir(DIST, { recursive: true });
  for (const [name, octets] of files) await writeFile(new URL(name, DIST), octets);
}
