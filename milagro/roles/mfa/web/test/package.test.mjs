// The package as another page gets it: packed, put into an empty folder, and used as its README says, with the types checked.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const TSC = join(HERE, "node_modules", ".bin", "tsc");
let folder;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "milagro-package-"));
  const installed = join(folder, "node_modules", "milagro-mfa-client");
  mkdirSync(installed, { recursive: true });
  const packed = JSON.parse(execFileSync("npm", ["pack", "--json", "--silent", "--pack-destination", folder], { cwd: HERE }));
  const { filename } = Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
  execFileSync("tar", ["-xzf", join(folder, filename), "-C", installed, "--strip-components=1"]);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
});

after(() => rmSync(folder, { recursive: true, force: true }));

test("the example of the README has the right types, without any other package", () => {
  const [, example] = /```ts\n([\s\S]+?)```/.exec(readFileSync(join(HERE, "README.md"), "utf8"));
  writeFileSync(join(folder, "page.ts"), example);
  const options = ["--strict", "--noEmit", "--target", "es2023", "--lib", "es2023,dom", "--module", "esnext", "--moduleResolution", "bundler"];
  execFileSync(TSC, [...options, "--types", "", "page.ts"], { cwd: folder, stdio: "pipe" });
  writeFileSync(join(folder, "page.ts"), example.replace("user, device:", "device:"));
  assert.throws(() => execFileSync(TSC, [...options, "--types", "", "page.ts"], { cwd: folder, stdio: "pipe" }));
});

test("the module stands alone", async () => {
  const script = 'import { Client, IndexedDbVault } from "milagro-mfa-client"; console.log(typeof Client, typeof IndexedDbVault);';
  writeFileSync(join(folder, "use.js"), script);
  assert.equal(execFileSync("node", ["use.js"], { cwd: folder }).toString().trim(), "function function");
});
