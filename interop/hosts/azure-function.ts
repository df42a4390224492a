import { app } from "@azure/functions";
import { createFunctionHandler } from "./azure-function-handler.ts";
import { createFunctionLog } from "./azure-function-log.ts";

const outside = {
  info: (line: string) => void process.stdout.write(`${line}\n`),
  error: (line: string) => void process.stderr.write(`${line}\n`),
};

/*
 * One function for all paths, so that an unknown one is answered as the protocol has it. `host.json` must have
 * an empty `routePrefix`; `GET /` gets here only with the app setting `AzureWebJobsDisableHomepage=true`. Who
 * may call is decided by the token, so the platform asks for no key.
 */
app.http("interop", {
  methods: ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
  authLevel: "anonymous",
  route: "{*path}",
  handler: createFunctionHandler(process.env, createFunctionLog(outside)),
});
