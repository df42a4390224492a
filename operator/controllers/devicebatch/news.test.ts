import { describe, expect, it } from "vitest";
import type { CloudProgress, DeviceBatch, DeviceBatchStatus, ReelBinding } from "../../../crds/index.ts";
import { API_VERSION } from "../../../crds/index.ts";
import { readiness, setCondition, type Verdict } from "../../runtime/conditions.ts";
import type { BatchReason, UnboundReason } from "../reasons.ts";
import { newsOf, newsOfClaim, ThrottleNews } from "./news.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
type Reason = BatchReason | UnboundReason;

/** A batch as people watch it: each verdict is written, and what is told of it kept. */
class Watched {
  readonly told: string[] = [];
  #batch: DeviceBatch = {
    apiVersion: API_VERSION,
    kind: "DeviceBatch",
    metadata: { name: "b", namespace: "acme", generation: 1 },
    spec: { batchId: "D001", provisioning: "Automatic", deletionPolicy: "Retain" },
  };

  becomes(state: Verdict["state"], reason: Reason, message = "as the test says", bound = true): this {
    const conditions = readiness(
      setCondition(
        this.#batch.status?.conditions,
        { type: "Bound", status: bound ? "True" : "False", reason: "Bound", message: "" },
        NOW,
      ),
      { state, reason, message },
      { now: NOW },
    );
    const status: DeviceBatchStatus = { conditions };
    for (const news of newsOf(this.#batch, { status, reason })) {
      this.told.push(`${news.type} ${news.reason} (${news.action}): ${news.message}`);
    }
    this.#batch = { ...this.#batch, status };
    return this;
  }
}

describe("what people are told of a batch", () => {
  it("is how it ends, and not what is under way", () => {
    const { told } = new Watched()
      .becomes("progressing", "ReadingManifest", "it is being read", false)
      .becomes("progressing", "Provisioning", "0 of 5 devices")
      .becomes("progressing", "Provisioning", "3 of 5 devices")
      .becomes("ready", "Provisioned", "5 devices are in aws");
    expect(told).toEqual(["Normal Provisioned (Provision): 5 devices are in aws"]);
  });

  it("is what a person must do, as a warning, once, however the counts move on", () => {
    const { told } = new Watched()
      .becomes(
        "retrying",
        "CloudBlocked",
        "3 of 5 devices; aws: Timeout: no answer; next try at 2026-03-01T12:00:09Z",
      )
      .becomes(
        "retrying",
        "CloudBlocked",
        "4 of 5 devices; aws: Timeout: no answer; next try at 2026-03-01T12:01:00Z",
      );
    expect(told).toEqual(["Warning CloudBlocked (Provision): 3 of 5 devices; aws: Timeout: no answer"]);
  });

  it.each<Reason>([
    "CloudBlocked",
    "DevicesFailed",
    "NoDefaultCloudApi",
    "ReelNotReady",
    "DeprovisionBlocked",
  ])("is that %s is over", (ill) => {
    const { told } = new Watched().becomes("retrying", ill).becomes("progressing", "Provisioning");
    expect(told.at(-1)).toBe(`Normal Healed (Provision): ${ill} is over: it goes on`);
  });

  it("is not that it is healed when one ill follows another, nor when what was no ill is over", () => {
    const ill = new Watched().becomes("retrying", "CloudBlocked").becomes("stalled", "DevicesFailed");
    expect(ill.told.map((line) => line.split(" ", 2)[1])).toEqual(["CloudBlocked", "DevicesFailed"]);
    const paused = new Watched().becomes("stalled", "Suspended").becomes("progressing", "Provisioning");
    expect(paused.told).toEqual([expect.stringMatching(/^Normal Suspended/)]);
  });

  it("is that it is healed and done, when both come at once", () => {
    const { told } = new Watched()
      .becomes("retrying", "CloudBlocked")
      .becomes("ready", "Provisioned", "done");
    expect(told.slice(1)).toEqual([
      "Normal Healed (Provision): CloudBlocked is over: it goes on",
      "Normal Provisioned (Provision): done",
    ]);
  });

  it("is about binding until it is bound", () => {
    const { told } = new Watched().becomes("stalled", "AlreadyBound", "the reel is bound by another", false);
    expect(told).toEqual(["Warning AlreadyBound (Bind): the reel is bound by another"]);
  });
});

describe("what people are told of a reel that became a batch's own", () => {
  const binding = { spec: { batchId: "D001", devices: 5, boundAt: "2026-03-01T11:00:00Z" } } as ReelBinding;

  it("is that it is bound, or taken up with what was done before, or nothing where it was so already", () => {
    expect(newsOfClaim({ binding, how: "bound" })).toMatchObject({
      type: "Normal",
      reason: "Bound",
      message: "reel D001 with 5 devices is bound to this account",
    });
    const taken = newsOfClaim({ binding, how: "takenUp" });
    expect(taken).toMatchObject({ type: "Normal", reason: "TakenUp" });
    expect(taken?.message).toMatch(/since 2026-03-01T11:00:00Z.*not sent again/);
    expect(newsOfClaim({ binding, how: "had" })).toBeUndefined();
  });
});

describe("what people are told of clouds that throttle", () => {
  const MINUTE = 60_000;
  const status = (...names: string[]): DeviceBatchStatus => ({
    clouds: names.map((name) => ({ name, limitedBy: "CloudThrottling" }) as CloudProgress),
  });
  const told = (news: ThrottleNews, key: string, of: DeviceBatchStatus, minute: number): string[] =>
    news.of(key, of, minute * MINUTE).map(({ message }) => message.split(" ", 1)[0] ?? "");

  it("is told once while it goes on and off, of each cloud and batch for itself, and again after half an hour", () => {
    const news = new ThrottleNews();
    expect(told(news, "acme/a", status("aws"), 0)).toEqual(["aws"]);
    expect(told(news, "acme/a", status("aws", "azure"), 1)).toEqual(["azure"]);
    expect(told(news, "acme/b", status("aws"), 1)).toEqual(["aws"]);
    for (let minute = 2; minute < 120; minute += 1) {
      expect(told(news, "acme/a", minute % 2 === 0 ? status() : status("aws", "azure"), minute)).toEqual([]);
    }
    expect(told(news, "acme/a", status("aws"), 200)).toEqual(["aws"]);
  });

  it("is told of a batch of the same name that is another", () => {
    const news = new ThrottleNews();
    expect(told(news, "acme/a", status("aws"), 0)).toEqual(["aws"]);
    news.forget("acme/a");
    expect(told(news, "acme/a", status("aws"), 1)).toEqual(["aws"]);
  });

  it("is not told of a cloud at whose own speed it goes, or that people limit", () => {
    const clouds = [{ name: "a" }, { name: "b", limitedBy: "Limits" }] as CloudProgress[];
    expect(told(new ThrottleNews(), "acme/a", { clouds }, 0)).toEqual([]);
  });
});
