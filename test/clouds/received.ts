/** One request as it came in. */
export interface ReceivedRequest {
  method: string;
  path: string;
  /** `action` of the body; empty when it has none. */
  action: string;
  /** Members of the body, to see that none is there that v1 does not know. */
  members: readonly string[];
  refs: readonly string[];
  /** Milliseconds since the epoch. */
  at: number;
  /** The status that was answered; 0 while, or if, nothing was. */
  status: number;
  /** What was made to go wrong with it, such as `hang` or `status 503`, and the bad manners it met; mostly nothing. */
  troubles: readonly string[];
}

/** What a cloud was sent. */
export class Received {
  readonly requests: ReceivedRequest[] = [];
  inFlight = 0;
  maxInFlight = 0;

  begin(method: string, path: string, body: string): ReceivedRequest {
    const request: ReceivedRequest = {
      method,
      path,
      ...readBody(body),
      at: Date.now(),
      status: 0,
      troubles: [],
    };
    this.requests.push(request);
    this.inFlight += 1;
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
    return request;
  }

  end(): void {
    this.inFlight -= 1;
  }

  /** Requests with this action. */
  of(action: string): ReceivedRequest[] {
    return this.requests.filter((request) => request.action === action);
  }

  /** How often a ref was sent, whatever was answered. */
  times(ref: string): number {
    return this.requests.reduce((sum, { refs }) => sum + refs.filter((each) => each === ref).length, 0);
  }
}

function readBody(text: string): Pick<ReceivedRequest, "action" | "members" | "refs"> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  if (typeof body !== "object" || body === null) return { action: "", members: [], refs: [] };
  const certs: unknown[] = "certs" in body && Array.isArray(body.certs) ? body.certs : [];
  const inner = certs.flatMap((cert) =>
    typeof cert === "object" && cert !== null ? Object.entries(cert) : [],
  );
  const members = new Set([...Object.keys(body), ...inner.map(([name]) => `certs[].${name}`)]);
  return {
    action: "action" in body && typeof body.action === "string" ? body.action : "",
    members: [...members],
    refs: inner.flatMap(([name, value]) => (name === "ref" && typeof value === "string" ? [value] : [])),
  };
}
