import type { Dispatcher } from "undici";
import { request } from "undici";

export interface HttpAnswer {
  status: number;
  /** Header values by lower-case name. */
  headers: Record<string, string | string[] | undefined>;
  /** At most as long as was asked for. */
  body: string;
  /** The body was longer than it may be, and was cut. */
  cut: boolean;
}

/** What of an error's body is read: enough for a gateway's own short messages. */
const MAX_ERROR_BYTES = 16 * 1024;

/**
 * Asked when a connection stands and the request is about to be written to it, which may be long after the call was
 * made: whether it may still leave. The error that it gives is what the call ends with, and nothing was sent.
 */
export type MayLeave = () => Error | undefined;

/** One POST of JSON; redirects are not followed, and the body is read up to a limit. */
export async function post(
  call: {
    dispatcher: Dispatcher;
    url: string;
    headers: Record<string, string>;
    body: string | Uint8Array;
    maxAnswerBytes: number;
    mayLeave?: MayLeave | undefined;
  },
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const answer = await request(call.url, {
    method: "POST",
    dispatcher:
      call.mayLeave === undefined ? call.dispatcher : call.dispatcher.compose(asking(call.mayLeave)),
    headers: { "content-type": "application/json", accept: "application/json", ...call.headers },
    body: call.body,
    signal,
  });
  const limit = answer.statusCode === 200 ? call.maxAnswerBytes : MAX_ERROR_BYTES;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let cut = false;
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > limit) {
      cut = true;
      break; // leaving the loop destroys the stream, and its connection with it
    }
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks).toString("utf8");
  return { status: answer.statusCode, headers: answer.headers, body, cut };
}

function asking(mayLeave: MayLeave): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (request, handler) => {
    const start = handler.onRequestStart?.bind(handler);
    handler.onRequestStart = (controller, context) => {
      start?.(controller, context);
      const reason = mayLeave();
      if (reason !== undefined) controller.abort(reason);
    };
    return dispatch(request, handler);
  };
}
