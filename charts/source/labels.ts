/** What the operator's pods are selected by; never to be changed, for a Deployment's selector cannot be. */
export const SELECTOR = {
  "app.kubernetes.io/name": "certferry",
  "app.kubernetes.io/component": "operator",
} as const;

/** What the console's pods are selected by. */
export const CONSOLE_SELECTOR = {
  "app.kubernetes.io/name": "certferry",
  "app.kubernetes.io/component": "console",
} as const;

/** Labels of every object. */
export function commonLabels(version: string, managedBy: string): Record<string, string> {
  return {
    "app.kubernetes.io/name": "certferry",
    "app.kubernetes.io/part-of": "certferry",
    "app.kubernetes.io/version": version,
    "app.kubernetes.io/managed-by": managedBy,
  };
}
