import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { EgressPolicy } from "../../../interop/egress/policy.ts";
import { failureOf } from "../testing.ts";
import { s3Source } from "./s3.ts";

/** Reads an object from a service that answers so, with credentials that it may know. */
async function answered(
  status: number,
  code: string,
  secret: Record<string, string> = {},
): ReturnType<typeof failureOf> {
  const server = createServer((_, answer) => {
    answer.writeHead(status, { "content-type": "application/xml" });
    answer.end(
      `<?xml version="1.0"?><Error><Code>${code}</Code><Message>hidden in the body</Message></Error>`,
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const values = { accessKeyId: "AKIDHIDDEN", secretAccessKey: "hidden", ...secret };
  const entries = Object.entries(values).map(([key, value]) => [key, Buffer.from(value)] as const);
  const source = s3Source(
    { bucket: "manifests", key: "d001.7z", region: "eu-central-1", endpoint, secretRef: { name: "s3" } },
    {
      egress: new EgressPolicy({ allowCidrs: ["127.0.0.0/8"], env: {} }),
      readSecret: () => Promise.resolve(Object.fromEntries(entries)),
      idleMs: 5_000,
      retryPauseMs: 1,
    },
  );
  return failureOf(Array.fromAsync(source.bytes(AbortSignal.timeout(20_000))));
}

it.each([
  [404, "NoSuchKey", "the object is not there", true],
  [403, "AccessDenied", "s3:GetObject", false],
  [403, "InvalidAccessKeyId", "access key is not known", false],
  [403, "SignatureDoesNotMatch", "secret access key is wrong", false],
  [400, "ExpiredToken", "session token has expired", true],
  [403, "InvalidObjectState", "restored first", true],
  [301, "PermanentRedirect", "another region", false],
  [400, "AuthorizationHeaderMalformed", "another region", false],
  [503, "SlowDown", "answered 503 (SlowDown)", true],
  [500, "InternalError", "answered 500 (InternalError)", true],
  [418, "Teapot", "answered 418 (Teapot)", false],
] as const)("%i %s is put in words: %s", async (status, code, said, transient) => {
  const error = await answered(status, code);
  expect(error).toMatchObject({ reason: "SourceUnavailable", transient });
  expect(error.message).toContain("s3://manifests/d001.7z");
  expect(error.message).toContain(said);
  expect(error.message).not.toMatch(/hidden|AKID/i);
});
