import {
  type CloudApi,
  type DeviceBatch,
  kinds,
  type ProvisioningLedger,
  type Reel,
  type ReelBinding,
} from "../crds/index.ts";
import {
  CONFIG_MAP,
  type ConfigMap,
  NAMESPACE,
  type Namespace,
  SECRET,
  type Secret,
} from "../operator/accounts/core-kinds.ts";
import type { KubeClient, ResourceClient } from "../operator/runtime/client.ts";

/** All kinds that people and Certferry have to do with, on one API server and with one person's rights. */
export class Resources {
  readonly client: KubeClient;
  readonly reels: ResourceClient<Reel>;
  readonly cloudApis: ResourceClient<CloudApi>;
  readonly batches: ResourceClient<DeviceBatch>;
  readonly bindings: ResourceClient<ReelBinding>;
  readonly ledgers: ResourceClient<ProvisioningLedger>;
  readonly configMaps: ResourceClient<ConfigMap>;
  readonly secrets: ResourceClient<Secret>;
  readonly namespaces: ResourceClient<Namespace>;

  constructor(client: KubeClient) {
    this.client = client;
    this.reels = client.resource(kinds.Reel);
    this.cloudApis = client.resource(kinds.CloudApi);
    this.batches = client.resource(kinds.DeviceBatch);
    this.bindings = client.resource(kinds.ReelBinding);
    this.ledgers = client.resource(kinds.ProvisioningLedger);
    this.configMaps = client.resource(CONFIG_MAP);
    this.secrets = client.resource(SECRET);
    this.namespaces = client.resource(NAMESPACE);
  }
}
