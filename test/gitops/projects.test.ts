import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { parseObjects } from "../../tools/cluster/apply.ts";

const GITOPS = resolve(import.meta.dirname, "../../gitops");

interface GroupKind {
  readonly group: string;
  readonly kind: string;
}

interface Project {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly sourceRepos: readonly string[];
    readonly destinations: readonly { readonly server: string; readonly namespace: string }[];
    readonly clusterResourceWhitelist?: readonly GroupKind[];
    readonly namespaceResourceWhitelist?: readonly GroupKind[];
  };
}

interface Application {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly project: string;
    readonly source: { readonly repoURL: string; readonly path: string };
    readonly destination: { readonly server: string; readonly namespace?: string };
  };
}

const read = async <T>(file: string): Promise<T[]> =>
  parseObjects(await readFile(join(GITOPS, "argocd", file), "utf8"), file) as unknown as T[];
const projects = await read<Project>("projects.yaml").catch(() => []);
const applications = await read<Application>("applications.yaml");

function projectOf({ metadata, spec }: Application): Project {
  const project = projects.find(({ metadata: { name } }) => name === spec.project);
  if (project === undefined)
    throw new Error(`${metadata.name} is of project ${spec.project}, which is not one of these`);
  return project;
}

/** What lies in the folder that an Application applies, as the folder's kustomization has it. */
async function objectsOf({ spec }: Application) {
  const folder = join(GITOPS, "repository", spec.source.path);
  const kustomization = parse(await readFile(join(folder, "kustomization.yaml"), "utf8")) as {
    namespace?: string;
    resources: string[];
  };
  const all = await Promise.all(
    kustomization.resources.map(async (file) =>
      parseObjects(await readFile(join(folder, file), "utf8"), file),
    ),
  );
  return all.flat().map(({ apiVersion, kind, metadata }) => ({
    group: apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "",
    kind,
    namespace: metadata.namespace ?? kustomization.namespace,
  }));
}

const CLUSTER_KINDS: ReadonlySet<string> = new Set(["Namespace", "Reel"]);

describe("Argo CD's projects", () => {
  it.each(applications)(
    "admit all that $metadata.name has in its folder, and nothing of another kind",
    async (application) => {
      const { spec } = projectOf(application);
      expect(spec.sourceRepos).toEqual([application.spec.source.repoURL]);
      const objects = await objectsOf(application);
      const kinds = (cluster: boolean): string[] => {
        const some = objects.filter(({ kind }) => CLUSTER_KINDS.has(kind) === cluster);
        return [...new Set(some.map(({ group, kind }) => `${group}/${kind}`))].sort();
      };
      const listed = (list: readonly GroupKind[] = []): string[] =>
        list.map(({ group, kind }) => `${group}/${kind}`).sort();
      expect(listed(spec.clusterResourceWhitelist)).toEqual(kinds(true));
      expect(listed(spec.namespaceResourceWhitelist)).toEqual(kinds(false));
      for (const { kind, namespace } of objects) {
        if (CLUSTER_KINDS.has(kind)) continue;
        const reached = spec.destinations.some(
          (each) => each.namespace === "*" || each.namespace === namespace,
        );
        expect(reached, `${kind} in ${namespace}`).toBe(true);
      }
    },
  );

  it("hold an account's folder to the account's namespace", async () => {
    const folders = await readdir(join(GITOPS, "repository/accounts"));
    for (const account of folders) {
      const application = applications.find(({ spec }) => spec.source.path === `accounts/${account}`);
      if (application === undefined) throw new Error(`no Application applies accounts/${account}`);
      const { destination } = application.spec;
      expect(destination.namespace).toBe(account);
      const { spec } = projectOf(application);
      expect(spec.destinations).toEqual([{ server: destination.server, namespace: account }]);
      // Where the list is not there, Argo CD admits none of the cluster's kinds as well; said outright it stays so.
      expect(spec.clusterResourceWhitelist).toEqual([]);
    }
  });
});
