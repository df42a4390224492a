/** What a device may do beyond connecting and using topics that carry its own name. */
export interface DeviceRights {
  /** The topic that firmware is told when its device is provisioned, `iqs` in the field. */
  readonly defaultTopic: string;
  /** Whether a device may publish to the default topic itself. It may read nothing there, so it sees no other device. */
  readonly publishToDefaultTopic: boolean;
  /** Its own shadows and jobs. */
  readonly shadowAndJobs: boolean;
}

/** Where a policy is: the first parts of its ARNs. */
export interface PolicyPlace {
  readonly partition: string;
  readonly region: string;
  readonly accountId: string;
}

/** AWS IoT takes no longer policy, white space aside (docs.aws.amazon.com/general/latest/gr/iot-core.html). */
export const LONGEST_POLICY = 2048;

const OWN_NAME = "${iot:Connection.Thing.ThingName}";

/**
 * The AWS IoT policy that every device's certificate gets. A device connects as the thing that its certificate
 * is attached to, with that thing's name as its client ID, and uses the topics under its own name. AWS fills in
 * the thing's name only if the client ID is one (docs.aws.amazon.com/iot/latest/developerguide/thing-policy-variables.html);
 * a topic with an unfilled variable matches nothing.
 * @returns JSON, as short as it goes
 */
export function devicePolicy(place: PolicyPlace, rights: DeviceRights): string {
  const arn = (resource: string): string =>
    `arn:${place.partition}:iot:${place.region}:${place.accountId}:${resource}`;
  const own = [`${rights.defaultTopic}/${OWN_NAME}`, `${rights.defaultTopic}/${OWN_NAME}/*`];
  if (rights.shadowAndJobs) {
    own.push(`$aws/things/${OWN_NAME}/shadow/*`, `$aws/things/${OWN_NAME}/jobs/*`);
  }
  const published = rights.publishToDefaultTopic ? [rights.defaultTopic, ...own] : own;
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: "iot:Connect",
        Resource: arn(`client/${OWN_NAME}`),
        Condition: { Bool: { "iot:Connection.Thing.IsAttached": "true" } },
      },
      { Effect: "Allow", Action: "iot:Publish", Resource: published.map((topic) => arn(`topic/${topic}`)) },
      { Effect: "Allow", Action: "iot:Receive", Resource: own.map((topic) => arn(`topic/${topic}`)) },
      { Effect: "Allow", Action: "iot:Subscribe", Resource: own.map((topic) => arn(`topicfilter/${topic}`)) },
    ],
  });
}
