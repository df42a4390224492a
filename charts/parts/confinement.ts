import type { Source } from "../source/source.ts";

export const TCP = { protocol: "TCP" } as const;

/** What every container here goes without; and its last words are kept where `kubectl describe` shows them. */
export const CONFINED = {
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  },
  terminationMessagePolicy: "FallbackToLogsOnError",
} as const;

/**
 * Where pods may connect to, by port: where the API server, clouds and a sign-in provider are, no selector can say.
 * What the operator does with addresses, it decides itself (--cluster-cidr and what is built in).
 */
export function egressRules(source: Source): object[] {
  return [
    {
      ports: [
        { port: 53, protocol: "UDP" },
        { port: 53, ...TCP },
      ],
    },
    { ports: source.eachPort("networkPolicy.apiServerPorts", TCP) },
    { ports: source.eachPort("networkPolicy.cloudPorts", TCP) },
  ];
}
