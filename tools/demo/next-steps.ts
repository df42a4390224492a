import type { Stage } from "./stage.ts";

/** What one can try while the demo is up, as text to be shown. */
export function nextSteps(stage: Pick<Stage, "consoleUrl" | "controlPlane" | "clouds" | "folder">): string {
  const looks = stage.clouds.map((cloud) => `  ${cloud.name.padEnd(14)} ${cloud.registryUrl}`);
  return `
Open the console, as an administrator or as somebody on the factory floor:

  ${stage.consoleUrl.href}
  ${new URL("/cloud-id?groupId=D001", stage.consoleUrl).href}   what a reel's QR code opens, for a phone

Try it, in another terminal:

  export KUBECONFIG=${stage.controlPlane.kubeconfig}
  kubectl get batch -A
  kubectl describe batch d005 -n acme

A reel is bound once. Account globex asks for one that acme has, and is told AlreadyBound:

  kubectl apply -n globex -f - <<'END'
  apiVersion: certferry.dev/v1alpha1
  kind: DeviceBatch
  metadata: {name: mine-too}
  spec: {batchId: D001}
  END
  kubectl wait -n globex batch/mine-too --for=condition=Bound=false && kubectl describe batch -n globex mine-too

A second cloud for a batch:

  kubectl patch batch d001 -n acme --type merge -p '{"spec":{"cloudApis":[{"name":"aws-eu"},{"name":"azure-hub"}]}}'

Provision now: push every device again, for instance after someone has removed some from the cloud:

  kubectl annotate batch d004 -n acme --overwrite certferry.dev/provision-requested-at="$(date -u +%FT%TZ)"

Take devices out: d005 leaves azure-hub, and its devices with it; aws-eu keeps them:

  kubectl patch batch d005 -n acme --type merge -p '{"spec":{"cloudApis":[{"name":"aws-eu"}],"deletionPolicy":"Deprovision"}}'

What the clouds hold (open it in a browser):

${looks.join("\n")}
`;
}
