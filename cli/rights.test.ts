import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { howToGet, missingRight, rightInWords, rolesWith } from "./rights.ts";

interface Role {
  metadata: { name: string };
  rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

describe("the roles that a refusal names", () => {
  it("are those that the charts install, for every verb and kind", async () => {
    const text = await readFile(join(import.meta.dirname, "../charts/kustomize/people-roles.yaml"), "utf8");
    const roles = parseAllDocuments(text).map((document) => document.toJS() as Role);
    const ours = roles.flatMap(({ rules }) =>
      rules.filter(({ apiGroups }) => apiGroups.includes("certferry.dev")),
    );
    const pairs = new Set(
      ours.flatMap(({ resources, verbs }) =>
        resources.flatMap((each) => verbs.map((verb) => `${verb} ${each}`)),
      ),
    );
    expect(pairs.size).toBeGreaterThan(20);
    for (const pair of [...pairs, "create reelbindings", "delete provisioningledgers", "use reels"]) {
      const [verb = "", resource = ""] = pair.split(" ");
      const holders = roles
        .filter(({ rules }) =>
          rules.some((rule) => rule.resources.includes(resource) && rule.verbs.includes(verb)),
        )
        .map(({ metadata }) => metadata.name);
      expect([pair, rolesWith(verb, resource).toSorted()]).toEqual([pair, holders.toSorted()]);
    }
  });

  it("are read out of the API server's own words", () => {
    const words =
      'reelbindings.certferry.dev "d001" is forbidden: User "kim" cannot get resource "reelbindings" in API group "certferry.dev" at the cluster scope';
    const right = missingRight(words);
    if (right === undefined) throw new Error("no right was found in it");
    expect(rightInWords(right)).toBe("get reelbindings.certferry.dev in the whole cluster");
    expect(howToGet(right)).toContain(
      'kubectl create clusterrolebinding NAME --clusterrole=certferry-admin --user="kim"',
    );
    expect(missingRight("something else is forbidden")).toBeUndefined();
  });

  it("are none for what is not Certferry's: then the right itself is named, and who may give it", () => {
    const words =
      'namespaces "acme" is forbidden: User "kim" cannot patch resource "namespaces" in API group "" in the namespace "acme"';
    const right = missingRight(words);
    if (right === undefined) throw new Error("no right was found in it");
    expect(rightInWords(right)).toBe("patch namespaces in namespace acme");
    expect(howToGet(right).split("\n")).toEqual([
      "An administrator of namespace acme gives it (no role of Certferry's has it), and it alone with:",
      "kubectl create role NAME -n acme --verb=patch --resource=namespaces",
      'kubectl create rolebinding NAME -n acme --role=NAME --user="kim"',
    ]);
    const configMaps = { ...right, verb: "create", resource: "configmaps" };
    expect(howToGet(configMaps)).toContain("of Kubernetes' own, edit and admin have");
    const leases = { ...right, verb: "get", resource: "leases", group: "coordination.k8s.io" };
    expect(howToGet({ ...leases, namespace: undefined })).toContain(
      "kubectl create clusterrole NAME --verb=get --resource=leases.coordination.k8s.io",
    );
  });
});
