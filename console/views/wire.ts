// What the server tells the pages: shapes of JSON, and nothing that only one of the two sides can load.

/**
 * How a batch stands, in one word. `Waiting` goes on by itself when what it waits for is there (a reel, a cloud that
 * cannot be called); `Attention` is what the operator calls Stalled; `BoundOnly` is done without a cloud.
 */
export type BatchState =
  | "Provisioned"
  | "BoundOnly"
  | "Provisioning"
  | "Waiting"
  | "Attention"
  | "Suspended"
  | "Leaving";

/** How devices stand in a cloud, as it told; of all that it has, or of some. */
export interface Activity {
  readonly toldAt: string;
  readonly asked: number;
  readonly active: number;
  readonly differing: number;
  /** The first of those that differ. */
  readonly differences: readonly { readonly device: string; readonly what: string }[];
}

/** The sum of several. */
export interface Told {
  readonly asked: number;
  readonly active: number;
  readonly differing: number;
  /** When the one told that told longest ago. */
  readonly oldest: string;
}

export interface CloudOfBatch {
  readonly name: string;
  /** As in the batch's status: Pending, Provisioning, Provisioned, Failed, Blocked, Suspended, Deprovisioning. */
  readonly state: string;
  readonly provisioned: number;
  readonly failed: number;
  readonly pending: number;
  readonly perSecond?: number;
  readonly completesAt?: string;
  readonly limitedBy?: string;
  readonly deviceEndpoint?: string;
  readonly startedAt?: string;
  readonly provisionedAt?: string;
  readonly message?: string;
  /** Undefined where the cloud does not tell, or has not yet. */
  readonly activity?: Activity;
}

/** A line of the table of batches. Times are RFC 3339. */
export interface BatchRow {
  readonly name: string;
  readonly batchId: string;
  readonly createdAt: string;
  readonly bound: number;
  readonly provisioned: number;
  readonly failed: number;
  readonly boundAt?: string;
  readonly provisionedAt?: string;
  readonly clouds: readonly CloudOfBatch[];
  readonly addedBy?: string;
  readonly addedFrom?: string;
  readonly state: BatchState;
  /** The operator's own word and words for why. */
  readonly reason?: string;
  readonly message?: string;
  readonly perSecond?: number;
  readonly completesAt?: string;
}

export interface Counters {
  readonly batches: number;
  readonly bound: number;
  readonly provisioned: number;
  readonly failed: number;
  readonly states: Readonly<Record<BatchState, number>>;
  /** How devices stand in all clouds that tell; only on the page of the clouds, and undefined where none tells. */
  readonly told?: Told;
}

export interface BatchPage {
  readonly rows: readonly BatchRow[];
  /** How many fit the search and filters. */
  readonly total: number;
  readonly page: number;
  readonly size: number;
  /** Of the whole account. */
  readonly counters: Counters;
  /** What can be filtered by: the values that occur. */
  readonly facets: {
    readonly clouds: readonly string[];
    readonly from: readonly string[];
    readonly by: readonly string[];
  };
}

export interface ReelFacts {
  readonly devices?: number;
  readonly quarantined: number;
  readonly firstQuarantined: readonly { row: number; device?: string; reason: string; message: string }[];
  readonly issuers: readonly string[];
  readonly earliestExpiry?: string;
  readonly signatures?: string;
  readonly phase?: string;
}

export interface Failure {
  readonly device: string;
  readonly cloud: string;
  readonly reason: string;
  readonly message: string;
}

export interface BatchDetail extends BatchRow {
  readonly uid: string;
  readonly provisioning: string;
  /** Those it names, or the default that was chosen for it. */
  readonly declaredClouds: readonly string[];
  readonly deletionPolicy: string;
  readonly certificateSlot?: string;
  readonly manifestSha256?: string;
  readonly failures: readonly Failure[];
  readonly conditions: readonly {
    type: string;
    status: string;
    reason: string;
    message: string;
    since: string;
  }[];
  /** Undefined when there is none, or the person may not see it. */
  readonly reel?: ReelFacts;
  /** The person may not see reels, so that nothing is said of whether there is one. */
  readonly reelHidden?: true;
  readonly yaml: string;
  readonly kubectl: string;
}

export interface TimelineEntry {
  readonly at: string;
  readonly kind: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  readonly count: number;
}

export interface Timeline {
  readonly entries: readonly TimelineEntry[];
  /** False when the person may not read Events: then only what the batch itself says is there. */
  readonly events: boolean;
}

export interface CloudSpec {
  readonly displayName?: string;
  readonly type: "AWS" | "Azure" | "Other";
  readonly aws?: {
    readonly accountId: string;
    readonly apiGatewayId: string;
    readonly region: string;
    readonly stage: string;
    readonly endpoint?: string;
  };
  readonly azure?: { readonly interopUrl: string; readonly subscriptionId: string };
  readonly other?: { readonly url: string; readonly cloud: "AWS" | "Azure" | "Private" };
  readonly caBundle?: string;
}

export interface CloudRow {
  readonly name: string;
  readonly displayName: string;
  readonly type: string;
  readonly default: boolean;
  readonly suspended: boolean;
  readonly endpoint?: string;
  readonly devices: number;
  readonly ready: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
  readonly capabilities: readonly string[];
  readonly leaving: boolean;
  readonly spec: CloudSpec;
  /** How the devices of all batches stand there; undefined where it told nothing. */
  readonly told?: Told;
}

export interface Provisioning {
  readonly clouds: readonly CloudRow[];
  /** The default CloudApi: batches that are bound go there by themselves. Undefined: the switch is off. */
  readonly automatic?: string;
  /** Several say that they are the default, so none is. */
  readonly ambiguous: boolean;
  readonly counters: Counters;
}

export interface AccountRights {
  readonly seeBatches: boolean;
  readonly bind: boolean;
  /** May read the deeds of reels, without which there is no manifest to be had. */
  readonly manifest: boolean;
  readonly change: boolean;
  readonly remove: boolean;
  readonly seeClouds: boolean;
  readonly editClouds: boolean;
  /** May choose among all clouds of the account. */
  readonly useClouds: boolean;
}

export interface Me {
  readonly name: string;
  readonly accounts: readonly string[];
}

export interface SignInWays {
  readonly token: boolean;
  readonly oidc?: { readonly label: string };
  readonly known: readonly { readonly id: string; readonly label: string; readonly hint: string }[];
}

export interface ProbeVerdict {
  readonly ok: boolean;
  readonly reason: string;
  readonly message: string;
}
