import { createIssuer, type FactoryDevice, manifestCsv } from "../../../tools/factory/index.ts";
import { placementKey, type PlacementSpec } from "../placement-spec.ts";
import type { RoundSpec, Surveys } from "../survey/surveys.ts";
import type { SimulatedManners } from "./cloud.ts";
import { Rig } from "./rig.ts";

/** For tests: so many devices of batch D001, and reels of the first of them. */
export async function provisionedReels(count: number) {
  const devices = await (await createIssuer()).issueMany(count, { batchId: "D001" });
  return {
    devices,
    id: (at: number): string => devices[at]?.deviceId ?? "",
    provisioned: (first: number, manners: SimulatedManners = {}): Promise<Provisioned> =>
      Provisioned.open(devices.slice(0, first), manners),
  };
}

/** For tests: a reel that was provisioned, and surveys of the same cloud. */
export class Provisioned implements AsyncDisposable {
  readonly rig: Rig;
  readonly spec: PlacementSpec;

  private constructor(rig: Rig, spec: PlacementSpec) {
    this.rig = rig;
    this.spec = spec;
  }

  get surveys(): Surveys {
    return this.rig.surveys;
  }

  /** @param devices of batch D001 */
  static async open(devices: readonly FactoryDevice[], manners: SimulatedManners = {}): Promise<Provisioned> {
    const rig = await Rig.open({ manners });
    const spec = await rig.reel("D001", manifestCsv(devices, { batchId: "D001" }));
    rig.ferry.declare(spec);
    await rig.ended(spec, 60_000);
    return new Provisioned(rig, spec);
  }

  round(more: Partial<RoundSpec> = {}, spec = this.spec): RoundSpec {
    const { ledger, contents, interop, limits } = spec;
    const chunks = (): RoundSpec["chunks"] extends () => infer T ? T : never => [
      { first: 0, states: Uint8Array.from(this.rig.states(spec)) },
    ];
    const rest = { limits, chunks, most: 1_000, round: 0, request: undefined, urgent: false };
    return { ledger, contents, interop, ...rest, ...more };
  }

  get key(): string {
    return placementKey(this.spec.ledger);
  }

  get result() {
    return this.surveys.view(this.key).result;
  }

  async told(ms = 600_000): Promise<NonNullable<Provisioned["result"]>> {
    await this.rig.until(() => this.result !== undefined, ms);
    const { result } = this;
    if (result === undefined) throw new Error("it was told");
    return result;
  }

  get questions() {
    return this.rig.cloud.requests.filter(({ action }) => action === "status");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig[Symbol.asyncDispose]();
  }
}
