import {
  AddThingToThingGroupCommand,
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  DeleteCertificateCommand,
  DeleteThingCommand,
  DeleteThingGroupCommand,
  DescribeCertificateCommand,
  DescribeEndpointCommand,
  DescribeThingCommand,
  DescribeThingGroupCommand,
  DetachPolicyCommand,
  DetachThingPrincipalCommand,
  GetPolicyCommand,
  type IoTClient,
  ListAttachedPoliciesCommand,
  ListPrincipalThingsCommand,
  ListThingPrincipalsCommand,
  ListThingsInThingGroupCommand,
  RegisterCertificateWithoutCACommand,
  RemoveThingFromThingGroupCommand,
  UpdateCertificateCommand,
  UpdateThingCommand,
} from "@aws-sdk/client-iot";
import { untilAborted } from "./clock.ts";
import { callFailed } from "./failures.ts";

/** What is needed of the SDK's client. */
export type IotClient = Pick<IoTClient, "send">;

export interface ThingDescription {
  readonly attributes: Readonly<Record<string, string>>;
  readonly version: number | undefined;
}

export interface CertificateDescription {
  readonly arn: string;
  readonly status: string;
}

/** The calls to AWS IoT's control plane, each with the signal of the request that it belongs to. */
export type IotApi = ReturnType<typeof createApi>;

/** Each call rejects with `CallFailed`, at the latest when the signal fires. */
export function createApi(client: IotClient) {
  async function call<Output>(
    action: string,
    signal: AbortSignal,
    send: (options: { abortSignal: AbortSignal }) => Promise<Output>,
  ): Promise<Output> {
    try {
      signal.throwIfAborted();
      return await untilAborted(send({ abortSignal: signal }), signal);
    } catch (error) {
      throw callFailed(action, error, signal.aborted);
    }
  }

  async function pages<Item>(
    next: (token: string | undefined) => Promise<{ items: Item[] | undefined; token: string | undefined }>,
  ): Promise<Item[]> {
    const all: Item[] = [];
    let token: string | undefined;
    do {
      const page = await next(token);
      all.push(...(page.items ?? []));
      token = page.token === "" ? undefined : page.token;
    } while (token !== undefined);
    return all;
  }

  return {
    /** @throws CallFailed `ResourceAlreadyExistsException`: there is one of this name that is not the same */
    createThing: (
      thingName: string,
      attributes: Record<string, string>,
      thingTypeName: string | undefined,
      signal: AbortSignal,
    ) =>
      call("CreateThing", signal, (options) =>
        client.send(
          new CreateThingCommand({ thingName, thingTypeName, attributePayload: { attributes } }),
          options,
        ),
      ),

    describeThing: async (thingName: string, signal: AbortSignal): Promise<ThingDescription> => {
      const { attributes = {}, version } = await call("DescribeThing", signal, (options) =>
        client.send(new DescribeThingCommand({ thingName }), options),
      );
      return { attributes, version };
    },

    /** Adds to a thing's attributes, if nobody has changed it since it was described. */
    updateThing: (
      thingName: string,
      attributes: Record<string, string>,
      expectedVersion: number | undefined,
      signal: AbortSignal,
    ) =>
      call("UpdateThing", signal, (options) =>
        client.send(
          new UpdateThingCommand({
            thingName,
            attributePayload: { attributes, merge: true },
            expectedVersion,
          }),
          options,
        ),
      ),

    deleteThing: (thingName: string, expectedVersion: number | undefined, signal: AbortSignal) =>
      call("DeleteThing", signal, (options) =>
        client.send(new DeleteThingCommand({ thingName, expectedVersion }), options),
      ),

    /** ARNs. */
    thingPrincipals: (thingName: string, signal: AbortSignal): Promise<string[]> =>
      pages(async (nextToken) => {
        const page = await call("ListThingPrincipals", signal, (options) =>
          client.send(new ListThingPrincipalsCommand({ thingName, nextToken }), options),
        );
        return { items: page.principals, token: page.nextToken };
      }),

    /** Names. */
    principalThings: (principal: string, signal: AbortSignal): Promise<string[]> =>
      pages(async (nextToken) => {
        const page = await call("ListPrincipalThings", signal, (options) =>
          client.send(new ListPrincipalThingsCommand({ principal, nextToken }), options),
        );
        return { items: page.things, token: page.nextToken };
      }),

    attachThingPrincipal: (thingName: string, principal: string, signal: AbortSignal) =>
      call("AttachThingPrincipal", signal, (options) =>
        client.send(new AttachThingPrincipalCommand({ thingName, principal }), options),
      ),

    detachThingPrincipal: (thingName: string, principal: string, signal: AbortSignal) =>
      call("DetachThingPrincipal", signal, (options) =>
        client.send(new DetachThingPrincipalCommand({ thingName, principal }), options),
      ),

    /** @throws CallFailed `ResourceAlreadyExistsException` */
    registerCertificate: (certificatePem: string, signal: AbortSignal) =>
      call("RegisterCertificateWithoutCA", signal, (options) =>
        client.send(new RegisterCertificateWithoutCACommand({ certificatePem, status: "ACTIVE" }), options),
      ),

    describeCertificate: async (
      certificateId: string,
      signal: AbortSignal,
    ): Promise<CertificateDescription> => {
      const { certificateDescription } = await call("DescribeCertificate", signal, (options) =>
        client.send(new DescribeCertificateCommand({ certificateId }), options),
      );
      return {
        arn: certificateDescription?.certificateArn ?? "",
        status: certificateDescription?.status ?? "",
      };
    },

    updateCertificate: (certificateId: string, newStatus: "ACTIVE" | "INACTIVE", signal: AbortSignal) =>
      call("UpdateCertificate", signal, (options) =>
        client.send(new UpdateCertificateCommand({ certificateId, newStatus }), options),
      ),

    deleteCertificate: (certificateId: string, signal: AbortSignal) =>
      call("DeleteCertificate", signal, (options) =>
        client.send(new DeleteCertificateCommand({ certificateId }), options),
      ),

    attachPolicy: (policyName: string, target: string, signal: AbortSignal) =>
      call("AttachPolicy", signal, (options) =>
        client.send(new AttachPolicyCommand({ policyName, target }), options),
      ),

    detachPolicy: (policyName: string, target: string, signal: AbortSignal) =>
      call("DetachPolicy", signal, (options) =>
        client.send(new DetachPolicyCommand({ policyName, target }), options),
      ),

    /** Names of the policies attached to the target itself. */
    attachedPolicies: (target: string, signal: AbortSignal): Promise<string[]> =>
      pages(async (marker) => {
        const page = await call("ListAttachedPolicies", signal, (options) =>
          client.send(new ListAttachedPoliciesCommand({ target, marker }), options),
        );
        const items = page.policies?.flatMap(({ policyName }) => policyName ?? []);
        return { items, token: page.nextMarker };
      }),

    getPolicy: (policyName: string, signal: AbortSignal) =>
      call("GetPolicy", signal, (options) => client.send(new GetPolicyCommand({ policyName }), options)),

    createThingGroup: (thingGroupName: string, attributes: Record<string, string>, signal: AbortSignal) =>
      call("CreateThingGroup", signal, (options) =>
        client.send(
          new CreateThingGroupCommand({
            thingGroupName,
            thingGroupProperties: { attributePayload: { attributes } },
          }),
          options,
        ),
      ),

    addThingToGroup: (thingName: string, thingGroupName: string, signal: AbortSignal) =>
      call("AddThingToThingGroup", signal, (options) =>
        client.send(new AddThingToThingGroupCommand({ thingName, thingGroupName }), options),
      ),

    removeThingFromGroup: (thingName: string, thingGroupName: string, signal: AbortSignal) =>
      call("RemoveThingFromThingGroup", signal, (options) =>
        client.send(new RemoveThingFromThingGroupCommand({ thingName, thingGroupName }), options),
      ),

    describeThingGroup: async (thingGroupName: string, signal: AbortSignal): Promise<ThingDescription> => {
      const { thingGroupProperties, version } = await call("DescribeThingGroup", signal, (options) =>
        client.send(new DescribeThingGroupCommand({ thingGroupName }), options),
      );
      return { attributes: thingGroupProperties?.attributePayload?.attributes ?? {}, version };
    },

    hasThings: async (thingGroupName: string, signal: AbortSignal): Promise<boolean> => {
      const { things = [] } = await call("ListThingsInThingGroup", signal, (options) =>
        client.send(new ListThingsInThingGroupCommand({ thingGroupName, maxResults: 1 }), options),
      );
      return things.length > 0;
    },

    /** @throws CallFailed `VersionConflictException` when it was changed since it was described */
    deleteThingGroup: (thingGroupName: string, expectedVersion: number | undefined, signal: AbortSignal) =>
      call("DeleteThingGroup", signal, (options) =>
        client.send(new DeleteThingGroupCommand({ thingGroupName, expectedVersion }), options),
      ),

    dataEndpoint: async (signal: AbortSignal): Promise<string | null> => {
      const { endpointAddress } = await call("DescribeEndpoint", signal, (options) =>
        client.send(new DescribeEndpointCommand({ endpointType: "iot:Data-ATS" }), options),
      );
      return endpointAddress ?? null;
    },
  };
}
