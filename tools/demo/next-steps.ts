import { join } from "node:path";

import { SPARE } from "./samples.ts";
import type { Stage } from "./stage.ts";

/** What one can try while the demo is up, as text to be shown. */
export function nextSteps(
  stage: Pick<Stage, "consoleUrl" | "kubeconfig" | "clouds" | "manifestRoot">,
): string {
  const looks = stage.clouds.map((cloud) => `  ${cloud.name.padEnd(14)} ${cloud.registryUrl}`);
  return `
Open the console, as an administrator or as somebody on the factory floor:

  ${stage.consoleUrl.href}
  ${new URL("/cloud-id?groupId=D001", stage.consoleUrl).href}   what a reel's QR code opens, for a phone

Try it, in another terminal, in this folder (commands without -n are in account acme):

  export KUBECONFIG=${stage.kubeconfig}
  kubectl get batch -A
  kubectl describe batch d005 -n acme

Bind a reel that nobody has yet, and wait until its devices are in the account's default cloud:

  kubectl get reel ${SPARE.reel.metadata.name}
  npm run -s cli -- bind ${SPARE.reel.spec.batchId} --name week-45 --wait
  npm run -s cli -- devices week-45

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

Which devices of a reel are where, if its manifest is in the operator's folder, as that of D010: give the file too:

  npm run -s cli -- devices d010 --manifest ${join(stage.manifestRoot, "2026/D010.7z")}

What the clouds hold (open it in a browser):

${looks.join("\n")}
`;
}
