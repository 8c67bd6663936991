// What goes wrong, by a name that programs can use. No secret ever stands in a message.

export type FaultCode =
  | "malformed-envelope"
  | "non-canonical"
  | "wrong-length"
  | "invalid-flags"
  | "not-on-curve"
  | "not-in-subgroup"
  | "identity-element"
  | "invalid-signature"
  | "decryption-failed"
  | "broken-chain"
  | "wrong-round"
  | "expired"
  | "parameter-error"
  | "mixed-shares"
  | "invalid-proof"
  | "too-few-answers"
  | "not-found"
  | "no-device-key"
  | "unreachable"
  | (string & {});

/** An error with a code: one of the above, or one that the server refused with. */
export class Fault extends Error {
  readonly code: FaultCode;
  constructor(code: FaultCode, message: string) {
    super(message);
    this.name = "Fault";
    this.code = code;
  }
}

/** The code of whatever was thrown; `internal` for what no rule of ours names. */
export function codeOf(error: unknown): string {
  return error instanceof Fault ? error.code : "internal";
}
