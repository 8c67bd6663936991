// The browser client as a package: everything that a page needs to enrol and to log in, without any user interface.

export { Cid } from "./cid.ts";
export { decode as decodeCbor, encode as encodeCbor, Tag } from "./cbor.ts";
export { type Application, Client, type Errand, type Options, refusalOf } from "./client.ts";
export { type ClientKey, WebCryptoKey } from "./client_key.ts";
export { EncryptionKey } from "./encryption.ts";
export { openEnvelope, padme } from "./envelope.ts";
export { codeOf, Fault } from "./fault.ts";
export { decodePoint, encodePoint, GENERATOR, hashToG1, hashToScalar } from "./g1.ts";
export type { DeviceAnswer, DeviceInvitationAnswer, DevicesAnswer, InteractionAnswer, InvitedAnswer, LoginAnswer, StatusAnswer } from "./messages.ts";
export { NoAnswer } from "./http.ts";
export { Identity } from "./identity.ts";
export { identityPoint, Permit, permitPoint, pinPoint, slotOctets, startLogin, Token } from "./mpin.ts";
export { learned, type NodeFault, readNetwork } from "./network.ts";
export { frame, fromBase64url, hex, toBase64url, unframe } from "./octets.ts";
export { rely } from "./pki.ts";
export { answerContext, readIssued, Requester, statementOf } from "./requester.ts";
export { checkClientShare, combineClientShares, readClientShare, SharedKey } from "./sharing.ts";
export { type Sender, VerifyingKey } from "./signatures.ts";
export { IndexedDbVault } from "./vault_idb.ts";
export type { Account, DeviceRecord, Slot, Vault } from "./vault.ts";
