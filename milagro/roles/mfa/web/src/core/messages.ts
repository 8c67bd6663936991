// The JSON of the MFA server and of the D-TAs. Octets are base64url.

export interface StatusAnswer {
  name: string;
  origin: string;
  relying_party: string;
  suite: string;
  curve: string;
  hash: string;
  slot_seconds: number;
  time: number;
  /** Whether people enrol by e-mail, and the name of the OpenID provider by which they do; by invitation they always can. */
  email?: boolean;
  upstream?: string | null;
}

/** Whom a mailbox or a provider has proved to be a user: an invitation. Secret: code. */
export interface InvitedAnswer {
  user: string;
  code: string;
  expires: number;
}

export interface NodeAnswer {
  index: number;
  name: string;
  url: string;
  bundle: string;
}

export interface NetworkAnswer {
  network: string;
  version: string;
  nodes: NodeAnswer[];
}

/** One ticket for all D-TAs of a network, and the key that its shares are of. Secret until it is spent. */
export interface NetworkTicket {
  network: string;
  version: string;
  key: string;
  ticket: string;
}

export interface EnrolmentAnswer {
  identity: string;
  ticket: NetworkTicket;
}

export interface PermitsAnswer {
  slot?: number | null;
  ticket?: NetworkTicket | null;
}

export interface PassMessage {
  message: string;
}

export interface LoginAnswer {
  user: string;
  device: string;
  identity_digest: string;
  at: number;
  move?: NetworkTicket | null;
}

export interface DeviceAnswer {
  name: string;
  state: string;
  created: number;
  last_login?: number | null;
  locked: boolean;
  current: boolean;
}

export interface DevicesAnswer {
  user: string;
  devices: DeviceAnswer[];
}

/** A one-time code for another device of the user; the link that brings it there, also as a QR code, row by row. */
export interface DeviceInvitationAnswer extends LoginAnswer {
  code: string;
  expires: number;
  link: string;
  qr: string[];
}

/** Who asked for a login: a site that uses this server as its OpenID provider. */
export interface InteractionAnswer {
  client: { name: string; host: string; uri?: string | null };
  login_hint?: string | null;
  ui_locales: string[];
  logged_in: boolean;
  /** Whether another device may log in for this browser. */
  crossing?: boolean;
}
