// The project's vectors, and the streams that stand for randomness in them.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const ROOT = new URL("../../../../../vectors/", import.meta.url);
export const CURVE = "BLS12-381";

/** The cases of a file, of one operation, on our curve with our hash. */
export function cases(name, operation) {
  const file = JSON.parse(readFileSync(new URL(`${name}.json`, ROOT), "utf8"));
  const found = file.cases.filter(
    (one) =>
      (operation === undefined || one.operation === operation) &&
      (one.curve ?? file.curve ?? CURVE) === CURVE &&
      (one.inputs.hash ?? "sha256") === "sha256",
  );
  if (found.length === 0) throw new Error(`no case of ${operation} in ${name}`);
  return found;
}

export function octets(hexadecimal) {
  return new Uint8Array(Buffer.from(hexadecimal, "hex"));
}

/** Call k for n octets gives SHAKE256(seed ":" k). */
export function stream(seed) {
  let calls = 0; // the first call is number 1
  return (count) => new Uint8Array(createHash("shake256", { outputLength: count }).update(`${seed}:${++calls}`).digest());
}

/** The code that our client has for an error of the Python package. */
export function codeFor(name) {
  return name.replace(/(?<!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
}
