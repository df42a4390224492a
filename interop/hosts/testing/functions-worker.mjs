/*
 * Runs a bundled function app as the Node worker of Azure Functions v4 does: answers require() of
 * `@azure/functions-core` with its own interface, loads the app's file, and hands each invocation to the
 * programming model that the app's own copy of `@azure/functions` registered, in the form in which the host
 * sends it. The host itself (routing, the platform's front end) is not here.
 *
 * Started by fork: argv is the app's file, and the port to which connections to an IoT Hub lead. Takes messages
 * { id, http }, answers { id, http, logs }; first of all sends { ready, functions, loadMs }.
 */
import Module from "node:module";
import tls from "node:tls";
import { pathToFileURL } from "node:url";

const [, , file, hubPort] = process.argv;
const functions = new Map();
let model;

const core = {
  version: "4.0.0",
  hostVersion: "4.1000.0",
  setProgrammingModel(given) {
    model = given;
  },
  registerFunction(metadata, callback) {
    functions.set(metadata.name, { metadata, callback });
  },
  registerHook() {
    return { dispose() {} };
  },
  log() {},
};

// As the worker does it: whoever calls require(), wherever the package lies.
Module.prototype.require = new Proxy(Reflect.get(Module.prototype, "require"), {
  apply(target, module, args) {
    return args[0] === "@azure/functions-core" ? core : Reflect.apply(target, module, args);
  },
});

// Names of hubs lead to the test's own; what it shows is still verified (NODE_EXTRA_CA_CERTS).
const { connect } = tls;
tls.connect = (options, ...rest) =>
  String(options.host).endsWith(".azure-devices.net")
    ? connect({ ...options, servername: options.host, host: "127.0.0.1", port: Number(hubPort) }, ...rest)
    : connect(options, ...rest);

async function invoke(id, http) {
  const [{ metadata, callback }] = functions.values();
  const logs = [];
  const trigger = Object.values(metadata.bindings).find(({ type }) => type === "httpTrigger");
  const invocation = model.getInvocationModel({
    invocationId: id,
    metadata,
    state: undefined,
    log: (level, category, line) => void logs.push({ level, category, line }),
    request: { invocationId: id, inputData: [{ name: trigger.name, data: { http } }], triggerMetadata: {} },
  });
  const { context, inputs } = await invocation.getArguments();
  const result = await invocation.invokeFunction(context, inputs, callback);
  const { returnValue } = await invocation.getResponse(context, result);
  const { statusCode, headers, body } = returnValue.http;
  return {
    id,
    http: { status: Number(statusCode), headers, body: Buffer.from(body?.bytes ?? []).toString() },
    logs,
  };
}

process.on("message", ({ id, http }) => {
  const body = http.body === undefined ? {} : { body: { bytes: Buffer.from(http.body) } };
  invoke(id, { ...http, ...body }).then(
    (answer) => process.send(answer),
    (error) => process.send({ id, error: String(error) }),
  );
});

const before = performance.now();
await import(pathToFileURL(file).href);
await model.getCapabilities({});
process.send({
  ready: true,
  loadMs: performance.now() - before,
  functions: [...functions.values()].map(({ metadata }) => metadata),
});
