import { Resources } from "../../desk/resources.ts";
import { KubeClient } from "../../operator/runtime/client.ts";
import type { Context } from "../context.ts";
import { type ChosenCluster, chooseCluster } from "./kubeconfig.ts";

/** A person at a cluster: every call is made with the rights of whom the kubeconfig names. */
export class Session extends Resources {
  readonly chosen: ChosenCluster;
  readonly namespace: string;
  /** As the command line was called, for what people are told to run next. */
  readonly program: string;

  constructor(client: KubeClient, chosen: ChosenCluster, program: string) {
    super(client);
    this.chosen = chosen;
    this.program = program;
    this.namespace = chosen.namespace;
  }
}

/** Does something at the cluster that the command line names, and closes all connections in the end. */
export async function atCluster<T>(context: Context, work: (session: Session) => Promise<T>): Promise<T> {
  const chosen = await chooseCluster(context.flags, context.io.env);
  const { requestTimeout } = context.flags;
  const client = new KubeClient(chosen.config, {
    userAgent: "certferry-cli",
    strict: true,
    ...(chosen.groups.length === 0 ? {} : { headers: { "impersonate-group": [...chosen.groups] } }),
    ...(requestTimeout === undefined ? {} : { requestTimeoutMs: requestTimeout }),
  });
  try {
    return await work(new Session(client, chosen, context.io.program));
  } finally {
    await client.close();
  }
}

/**
 * Who the cluster takes the person for; undefined where it does not say (it is older than 1.28, or nobody may ask).
 */
export async function whoAmI({ client }: Session, signal: AbortSignal): Promise<string | undefined> {
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
  try {
    const review = (await client.request({ method: "POST", path, body }, signal)) as {
      status?: { userInfo?: { username?: string } };
    };
    return review.status?.userInfo?.username;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
