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

/** A ticket; servers that also knew single D-TAs called it `network`. */
interface TicketAnswer {
  ticket?: NetworkTicket | null;
  network?: NetworkTicket | null;
}

export interface EnrolmentAnswer extends TicketAnswer {
  identity: string;
}

export interface PermitsAnswer extends TicketAnswer {
  slot?: number | null;
}

/** The ticket in an answer. */
export function ticketIn(answer: TicketAnswer): NetworkTicket | null {
  return answer.ticket ?? answer.network ?? null;
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

/** Who asked for a login: a site that uses this server as its OpenID provider. */
export interface InteractionAnswer {
  client: { name: string; host: string; uri?: string | null };
  login_hint?: string | null;
  ui_locales: string[];
  logged_in: boolean;
}
