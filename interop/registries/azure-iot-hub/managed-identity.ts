import { type Dispatcher, request } from "undici";
import { z } from "zod";
import { parseJson } from "./failure.ts";
import { type TokenCredential, TokenUnavailable } from "./token.ts";

export interface ManagedIdentityOptions {
  /** `IDENTITY_ENDPOINT` of the environment. */
  endpoint: string;
  /** `IDENTITY_HEADER` of the environment: a secret that only this app's processes know. */
  header: string;
  /** For a user-assigned identity, its client ID; else the app's own is used. */
  clientId?: string;
  dispatcher?: Dispatcher;
}

const API_VERSION = "2019-08-01";
const MAX_ANSWER_BYTES = 64 * 1024;

const answerSchema = z.object({
  access_token: z.string().min(1),
  /** Seconds since the epoch; the service sends text. */
  expires_on: z.coerce.number().positive(),
});

/**
 * Tokens for the managed identity of an App Service or Functions app, from the endpoint that the platform
 * gives each app ("How to use managed identities for App Service and Azure Functions", section "REST endpoint
 * reference", learn.microsoft.com). One documented GET; `@azure/identity` would do the same for 0.4 MB more
 * of bundle, about 0.1 s more of each cold start, and does not pass an abort signal on.
 */
export function managedIdentity(options: ManagedIdentityOptions): TokenCredential {
  return {
    async getToken(scope, { abortSignal }) {
      const url = new URL(options.endpoint);
      url.searchParams.set("api-version", API_VERSION);
      url.searchParams.set("resource", scope.replace(/\/\.default$/, ""));
      if (options.clientId !== undefined) url.searchParams.set("client_id", options.clientId);
      const answer = await request(url, {
        headers: { "x-identity-header": options.header, accept: "application/json" },
        signal: abortSignal,
        ...(options.dispatcher === undefined ? {} : { dispatcher: options.dispatcher }),
      });
      const { statusCode: status, body } = answer;
      if (status !== 200) {
        await body.dump({ limit: MAX_ANSWER_BYTES });
        throw new TokenUnavailable(
          `the managed identity endpoint answered ${status}; ` +
            "check that the app has an identity, and AZURE_CLIENT_ID if it is a user-assigned one",
          { transient: status === 408 || status === 410 || status === 429 || status >= 500 },
        );
      }
      const parsed = answerSchema.safeParse(parseJson(await body.text()));
      if (!parsed.success) {
        throw new TokenUnavailable("the managed identity endpoint's answer holds no token", {
          transient: true,
        });
      }
      const { access_token: token, expires_on: expiresOn } = parsed.data;
      return { token, expiresOnTimestamp: expiresOn * 1000 };
    },
  };
}
