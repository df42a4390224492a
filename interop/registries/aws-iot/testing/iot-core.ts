import { createHash } from "node:crypto";
import {
  CertificateStateException,
  CertificateValidationException,
  DeleteConflictException,
  InternalFailureException,
  InvalidRequestException,
  ResourceAlreadyExistsException,
  ResourceNotFoundException,
  ThrottlingException,
  VersionConflictException,
} from "@aws-sdk/client-iot";
import type { IotClient } from "../api.ts";

export interface FakeThing {
  attributes: Record<string, string>;
  type: string | undefined;
  version: number;
  /** ARNs. */
  principals: Set<string>;
}

export interface FakeCertificate {
  arn: string;
  status: string;
}

/** What befalls a call: before anything is done, after all is done, or an answer that never comes. */
export type Trouble = "throttled" | "fails" | "fails after" | "hangs" | "hangs after";

type Input = Readonly<Record<string, unknown>>;

const ARN = "arn:aws:iot:eu-central-1:123456789012:";

/**
 * The part of AWS IoT's control plane that the registry uses, with its rules: what may be deleted when, which
 * requests are the same, how a certificate is called. Sources: the API reference
 * (docs.aws.amazon.com/iot/latest/apireference), page by page of each action.
 */
export class FakeIotCore {
  readonly things = new Map<string, FakeThing>();
  readonly certificates = new Map<string, FakeCertificate>();
  /** Policies, and the ARNs that each is attached to. */
  readonly policies = new Map<string, Set<string>>();
  readonly thingTypes = new Set<string>();
  /** Thing groups, and the names of their things. */
  readonly groups = new Map<string, { attributes: unknown; things: Set<string> }>();
  /** Each call so far, by its action. */
  readonly calls: string[] = [];
  /** Decides about each call before it is made. */
  trouble: (action: string, input: Input) => Trouble | undefined = () => undefined;
  /** Lets others go first. */
  turn: () => Promise<unknown> = () => Promise.resolve();
  /** So many looks at a detached pair still see it attached. */
  detachmentsLag = 0;
  readonly #stillSeen = new Map<string, number>();

  /** As `createAwsIotRegistry` wants it. */
  get client(): IotClient {
    const send = async (
      command: { constructor: { name: string }; input: Input },
      options?: { abortSignal?: AbortSignal },
    ): Promise<unknown> => {
      const action = command.constructor.name.replace(/Command$/, "");
      this.calls.push(action);
      const trouble = this.trouble(action, command.input);
      await this.turn();
      options?.abortSignal?.throwIfAborted();
      if (trouble === "throttled") throw new ThrottlingException(about("Rate exceeded", 400));
      if (trouble === "fails") throw new InternalFailureException(about("out of order", 500));
      if (trouble === "hangs") return hang(options?.abortSignal);
      const output = this.#act(action, command.input);
      if (trouble === "fails after") throw new InternalFailureException(about("out of order", 500));
      if (trouble === "hangs after") return hang(options?.abortSignal);
      return { $metadata: {}, ...output };
    };
    return { send } as unknown as IotClient;
  }

  /** Which certificates a thing has, by ID. */
  certificatesOf(thing: string): string[] {
    return [...(this.things.get(thing)?.principals ?? [])].map((arn) => arn.slice(arn.lastIndexOf("/") + 1));
  }

  #act(action: string, input: Input): object {
    const text = (member: string): string => String(input[member]);
    switch (action) {
      case "CreateThing":
        return this.#createThing(text("thingName"), input);
      case "DescribeThing": {
        const { attributes, version, type } = this.#thing(text("thingName"));
        return { thingName: input["thingName"], attributes: { ...attributes }, version, thingTypeName: type };
      }
      case "UpdateThing":
        return this.#updateThing(this.#thing(text("thingName")), input);
      case "DeleteThing":
        return this.#deleteThing(text("thingName"), input);
      case "ListThingPrincipals": {
        const name = text("thingName");
        this.#thing(name);
        return this.#page(this.#principalsSeen(name), "principals", "nextToken", input["nextToken"]);
      }
      case "ListPrincipalThings":
        return this.#page(this.#thingsSeen(text("principal")), "things", "nextToken", input["nextToken"]);
      case "AttachThingPrincipal":
        this.#certificateOf(text("principal"));
        this.#thing(text("thingName")).principals.add(text("principal"));
        return {};
      case "DetachThingPrincipal":
        this.#certificateOf(text("principal"));
        if (this.#thing(text("thingName")).principals.delete(text("principal"))) {
          this.#stillSeen.set(`${text("thingName")} ${text("principal")}`, this.detachmentsLag);
        }
        return {};
      case "RegisterCertificateWithoutCA":
        return this.#register(text("certificatePem"), text("status"));
      case "DescribeCertificate": {
        const id = text("certificateId");
        const { arn, status } = this.#certificate(id);
        return { certificateDescription: { certificateId: id, certificateArn: arn, status } };
      }
      case "UpdateCertificate":
        this.#certificate(text("certificateId")).status = text("newStatus");
        return {};
      case "DeleteCertificate":
        return this.#deleteCertificate(text("certificateId"));
      case "AttachPolicy":
        this.#certificateOf(text("target"));
        this.#policy(text("policyName")).add(text("target"));
        return {};
      case "DetachPolicy":
        this.policies.get(text("policyName"))?.delete(text("target"));
        return {};
      case "ListAttachedPolicies": {
        const names = [...this.policies].flatMap(([name, targets]) =>
          targets.has(text("target")) ? name : [],
        );
        const { policies, ...page } = this.#page(names, "policies", "nextMarker", input["marker"]);
        return { ...page, policies: (policies as string[]).map((policyName) => ({ policyName })) };
      }
      case "GetPolicy":
        this.#policy(text("policyName"));
        return { policyName: input["policyName"] };
      case "CreateThingGroup":
        return this.#createGroup(text("thingGroupName"), input["thingGroupProperties"]);
      case "AddThingToThingGroup":
        this.#thing(text("thingName"));
        this.#group(text("thingGroupName")).things.add(text("thingName"));
        return {};
      case "RemoveThingFromThingGroup":
        this.#thing(text("thingName"));
        this.#group(text("thingGroupName")).things.delete(text("thingName"));
        return {};
      case "DescribeThingGroup": {
        const { attributes } = this.#group(text("thingGroupName"));
        return { thingGroupProperties: attributes, version: 1 };
      }
      case "ListThingsInThingGroup":
        return {
          things: [...this.#group(text("thingGroupName")).things].slice(0, Number(input["maxResults"])),
        };
      case "DeleteThingGroup":
        this.groups.delete(text("thingGroupName"));
        return {};
      case "DescribeEndpoint":
        return { endpointAddress: "abc-ats.iot.eu-central-1.amazonaws.com" };
      default:
        throw new Error(`the fake does not know ${action}`);
    }
  }

  #createThing(name: string, input: Input): object {
    const { attributes } = input["attributePayload"] as { attributes: Record<string, string> };
    const type = input["thingTypeName"] as string | undefined;
    const there = this.things.get(name);
    if (there !== undefined) {
      const same = sorted(there.attributes) === sorted(attributes) && there.type === type;
      if (!same) throw new ResourceAlreadyExistsException(about(`Thing ${name} already exists`, 409));
      return { thingName: name };
    }
    if (type !== undefined && !this.thingTypes.has(type)) throw notFound(type);
    this.things.set(name, { attributes: { ...attributes }, type, version: 1, principals: new Set() });
    return { thingName: name };
  }

  #updateThing(thing: FakeThing, input: Input): object {
    this.#expect(thing, input);
    const payload = input["attributePayload"] as { attributes: Record<string, string>; merge: boolean };
    const attributes = payload.merge ? { ...thing.attributes, ...payload.attributes } : payload.attributes;
    if (thing.type === undefined && Object.keys(attributes).length > 3) {
      throw new InvalidRequestException(about("too many attributes", 400));
    }
    Object.assign(thing, { attributes, version: thing.version + 1 });
    return {};
  }

  #deleteThing(name: string, input: Input): object {
    const thing = this.things.get(name);
    if (thing === undefined) return {};
    this.#expect(thing, input);
    if (this.#principalsSeen(name).length > 0) {
      throw new InvalidRequestException(
        about(`Cannot delete. Thing ${name} is still attached to one or more principals`, 400),
      );
    }
    this.things.delete(name);
    for (const group of this.groups.values()) group.things.delete(name);
    return {};
  }

  #expect(thing: FakeThing, input: Input): void {
    const expected = input["expectedVersion"];
    if (expected !== undefined && expected !== thing.version) {
      throw new VersionConflictException(about("The version does not match the expected version", 409));
    }
  }

  #register(pem: string, status: string): object {
    if (pem.includes("UNSUPPORTED")) {
      throw new CertificateValidationException(about("The certificate is not supported", 400));
    }
    const der = Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ""), "base64");
    const certificateId = createHash("sha256").update(der).digest("hex");
    const certificateArn = `${ARN}cert/${certificateId}`;
    if (this.certificates.has(certificateId)) {
      throw new ResourceAlreadyExistsException({
        ...about("The certificate already exists", 409),
        resourceId: certificateId,
        resourceArn: certificateArn,
      });
    }
    this.certificates.set(certificateId, { arn: certificateArn, status });
    return { certificateId, certificateArn };
  }

  #deleteCertificate(id: string): object {
    const { arn, status } = this.#certificate(id);
    if (status === "ACTIVE") {
      throw new CertificateStateException(about("Certificate must be deactivated before deletion", 406));
    }
    const attached = [...this.policies.values()].some((targets) => targets.has(arn));
    if (attached || this.#thingsSeen(arn).length > 0) {
      throw new DeleteConflictException(about("Things must be detached before deletion", 409));
    }
    this.certificates.delete(id);
    return {};
  }

  #createGroup(name: string, properties: unknown): object {
    const there = this.groups.get(name);
    if (there === undefined) this.groups.set(name, { attributes: properties, things: new Set() });
    else if (JSON.stringify(there.attributes) !== JSON.stringify(properties)) {
      throw new ResourceAlreadyExistsException(about(`Thing Group ${name} already exists`, 409));
    }
    return { thingGroupName: name };
  }

  #principalsSeen(thing: string): string[] {
    const attached = [...(this.things.get(thing)?.principals ?? [])];
    const gone = [...this.certificates.values()]
      .map(({ arn }) => arn)
      .filter((arn) => this.#lags(thing, arn));
    return [...new Set([...attached, ...gone])];
  }

  #thingsSeen(arn: string): string[] {
    this.#certificateOf(arn);
    return [...this.things].flatMap(([name, { principals }]) =>
      principals.has(arn) || this.#lags(name, arn) ? name : [],
    );
  }

  #lags(thing: string, arn: string): boolean {
    const left = this.#stillSeen.get(`${thing} ${arn}`) ?? 0;
    if (left > 0) this.#stillSeen.set(`${thing} ${arn}`, left - 1);
    return left > 0;
  }

  /** Pages of two. */
  #page(all: readonly string[], items: string, next: string, token: unknown): Record<string, unknown> {
    const start = token === undefined ? 0 : Number(token);
    const end = start + 2;
    return { [items]: all.slice(start, end), ...(end < all.length ? { [next]: String(end) } : {}) };
  }

  #thing(name: string): FakeThing {
    return this.things.get(name) ?? raise(notFound(name));
  }

  #certificate(id: string): FakeCertificate {
    return this.certificates.get(id) ?? raise(notFound(id));
  }

  #certificateOf(arn: string): FakeCertificate {
    return this.#certificate(arn.slice(arn.lastIndexOf("/") + 1));
  }

  #policy(name: string): Set<string> {
    return this.policies.get(name) ?? raise(notFound(name));
  }

  #group(name: string): { attributes: unknown; things: Set<string> } {
    return this.groups.get(name) ?? raise(notFound(name));
  }
}

function about(message: string, httpStatusCode: number) {
  return { message, $metadata: { httpStatusCode } };
}

function notFound(what: string): ResourceNotFoundException {
  return new ResourceNotFoundException(about(`${what} was not found`, 404));
}

function raise(error: Error): never {
  throw error;
}

function sorted(attributes: Record<string, string>): string {
  return JSON.stringify(Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function hang(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
  });
}
