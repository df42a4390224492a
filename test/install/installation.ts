import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { reapFolder } from "../../tools/process/reaper.ts";
import { Field, OPERATOR_NAMESPACE } from "../field/field.ts";
import { ApiProxy } from "../proxy/api-proxy.ts";
import { type Request, RequestLog } from "./audit.ts";
import { Containers, kubeconfigWith, type RunningPod } from "./container.ts";
import { tokenOf } from "./pod.ts";
import { allows, mayStill, type Permission, permissionsOf, without, words } from "./rights.ts";
import { eventually } from "../harness/index.ts";

/** The operator's ServiceAccount. */
export const ACCOUNT = { namespace: OPERATOR_NAMESPACE, name: "certferry-operator" } as const;

/** An empty cluster that writes down who asks for what, with what is needed to run what is installed into it. */
export class Site {
  readonly field: Field;
  readonly containers: Containers;
  readonly #folder: string;
  readonly #log: RequestLog;
  #proxy: ApiProxy | undefined;

  private constructor(field: Field, containers: Containers, folder: string, log: RequestLog) {
    this.field = field;
    this.containers = containers;
    this.#folder = folder;
    this.#log = log;
  }

  static async open(): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), "certferry-install-"));
    reapFolder(folder);
    const log = await RequestLog.open(folder);
    const field = await Field.open({ bare: true, extraArgs: log.apiServerArgs });
    const containers = await Containers.open(field.client, field.plane.kubeconfig);
    return new Site(field, containers, folder, log);
  }

  async close(): Promise<void> {
    await this.containers.close();
    await this.#proxy?.stop();
    await this.field.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** What stands before the API server for one pod, with the rights of the operator's ServiceAccount. */
  async proxied(): Promise<{ proxy: ApiProxy; pod: RunningPod }> {
    const ca = join(this.#folder, "ca.crt");
    const config = new KubeConfig();
    config.loadFromFile(this.field.plane.kubeconfig);
    const { server = "", caData = "" } = config.getCurrentCluster() ?? {};
    await writeFile(ca, Buffer.from(caData, "base64"));
    const token = await tokenOf(this.field.client, ACCOUNT.namespace, ACCOUNT.name);
    const kubeconfig = join(this.#folder, "proxy.kubeconfig");
    await writeFile(kubeconfig, kubeconfigWith(server, ca, token), { mode: 0o600 });
    const proxy = await ApiProxy.start(kubeconfig);
    this.#proxy = proxy;
    const through = new KubeConfig();
    through.loadFromString(await readFile(proxy.kubeconfig, "utf8"));
    const front = through.getCurrentCluster();
    const pod = await this.containers.start(ACCOUNT.namespace, {
      apiServer: {
        url: front?.server ?? "",
        ca: Buffer.from(front?.caData ?? "", "base64").toString("utf8"),
      },
    });
    return { proxy, pod };
  }

  /** Everything that the operator's ServiceAccount asked for so far. */
  async requests(): Promise<Request[]> {
    return await this.#log.of(ACCOUNT.namespace, ACCOUNT.name);
  }

  /** How it asked for Secrets so far, and which readings were not for one by its name. */
  async secretRequests(): Promise<{ verbs: string[]; nameless: string[] }> {
    const requests = (await this.requests()).filter(({ resource }) => resource === "secrets");
    const nameless = requests.filter(({ verb, name }) => verb !== "create" && name === undefined);
    return {
      verbs: [...new Set(requests.map(({ verb }) => verb))].sort(),
      nameless: nameless.map(({ verb, namespace }) => `${verb} in ${namespace ?? "every namespace"}`),
    };
  }

  /** What it was refused for lack of rights, in words. */
  async refused(): Promise<string[]> {
    const refused = (await this.requests()).filter(({ status }) => status === 403);
    return [
      ...new Set(
        refused.map(
          ({ verb, resource, namespace, name }) => `${verb} ${resource} ${namespace ?? ""}/${name ?? ""}`,
        ),
      ),
    ];
  }

  /** The permissions that nothing asked for needed: those that no request used that no other permission allows. */
  async idle(): Promise<string[]> {
    const requests = await this.requests();
    const permissions = await permissionsOf(this.field.client, ACCOUNT);
    return permissions.filter((each) => soleUses(each, permissions, requests).length === 0).map(words);
  }

  /** Takes each permission away for a moment, and tells which could go without the API server refusing a thing. */
  async dispensable(): Promise<string[]> {
    const requests = await this.requests();
    const permissions = await permissionsOf(this.field.client, ACCOUNT);
    const dispensable: string[] = [];
    for (const permission of permissions) {
      const [use] = soleUses(permission, permissions, requests);
      const putBack = await without(this.field.client, permission);
      const refused = use !== undefined && (await this.#turns(use, false));
      await putBack();
      if (use === undefined || !refused || !(await this.#turns(use, true)))
        dispensable.push(words(permission));
    }
    return dispensable;
  }

  async #turns(request: Request, allowed: boolean): Promise<boolean> {
    const { client } = this.field;
    return await eventually(
      async (signal) => (await mayStill(client, ACCOUNT, request, signal)) === allowed,
      { deadline: 5_000, interval: 20 },
    ).catch(() => false);
  }
}

function soleUses(
  permission: Permission,
  all: readonly Permission[],
  requests: readonly Request[],
): Request[] {
  return requests.filter(
    (request) =>
      allows(permission, request) && !all.some((other) => other !== permission && allows(other, request)),
  );
}
