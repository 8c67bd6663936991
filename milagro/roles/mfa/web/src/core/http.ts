// JSON over HTTP: bounded in time and octets, errors by their codes.

import { Fault } from "./fault.ts";

const MAX_BODY = 1 << 20;

/** What came instead of an answer: why, and whether asking again may help. */
export class NoAnswer extends Fault {
  readonly again: boolean;
  readonly retryAfter: number | null;
  readonly status: number;
  /** The code that the other side refused with, if it gave one. */
  readonly refusal: string;
  constructor(reason: string, message: string, more: { again?: boolean; retryAfter?: number | null; status?: number; refusal?: string } = {}) {
    super(reason, message);
    this.again = more.again ?? false;
    this.retryAfter = more.retryAfter ?? null;
    this.status = more.status ?? 0;
    this.refusal = more.refusal ?? "";
  }
}

export interface Ask {
  method: "GET" | "POST";
  body?: unknown;
  credentials: RequestCredentials;
  seconds: number;
  signal?: AbortSignal;
}

/** The JSON object that a URL answers with. Throws NoAnswer: unreachable, silent, slow, too-large, redirected, garbage, refused. */
export async function ask(url: string, { method, body, credentials, seconds, signal }: Ask): Promise<unknown> {
  const within = AbortSignal.timeout(Math.ceil(1000 * seconds));
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      credentials,
      redirect: "manual",
      cache: "no-store",
      referrerPolicy: "no-referrer",
      signal: signal === undefined ? within : AbortSignal.any([within, signal]),
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
  } catch {
    if (within.aborted) throw new NoAnswer("silent", `no answer within ${seconds.toFixed(1)} s`, { again: true });
    throw new NoAnswer("unreachable", "it cannot be reached", { again: true });
  }
  if (response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
    throw new NoAnswer("redirected", "it sends elsewhere");
  }
  let content: string;
  try {
    content = await whole(response);
  } catch (error) {
    if (error instanceof NoAnswer) throw error;
    throw new NoAnswer("slow", "its answer was not whole in time", { again: true });
  }
  const answer = parsed(content);
  if (!response.ok) throw refusal(response, answer);
  if (answer === null) throw new NoAnswer("garbage", "its answer is not of the documented shape");
  return answer;
}

async function whole(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let content = "";
  let octets = 0;
  for (;;) {
    const piece = await reader?.read();
    if (piece === undefined || piece.done) return content + decoder.decode();
    octets += piece.value.length;
    if (octets > MAX_BODY) {
      await reader?.cancel();
      throw new NoAnswer("too-large", `its answer has more than ${MAX_BODY} octets`);
    }
    content += decoder.decode(piece.value, { stream: true });
  }
}

function parsed(content: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(content);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function refusal(response: Response, answer: Record<string, unknown> | null): NoAnswer {
  const error = (answer?.error ?? {}) as Record<string, unknown>;
  const code = typeof error.code === "string" ? error.code.slice(0, 64) : "refused";
  const message = typeof error.message === "string" ? error.message.replace(/\p{C}/gu, "").slice(0, 200) : "";
  const after = Number(response.headers.get("retry-after") ?? "NaN");
  const { status } = response;
  const again = status >= 500 || [408, 425, 429].includes(status);
  return new NoAnswer("refused", message || `it refused with status ${status}`, {
    again,
    retryAfter: Number.isFinite(after) ? Math.min(after, 86400) : null,
    status,
    refusal: code,
  });
}
