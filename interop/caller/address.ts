/** A part of a Cloud API's address that cannot be used; the message says what to write instead. */
export class AddressError extends Error {
  override readonly name = "AddressError";
  readonly field: string;

  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.field = field;
  }
}

/** Domain suffixes by region prefix (the AWS SDKs' partitions.json); `amazonaws.com` otherwise. */
const DOMAIN_SUFFIXES: readonly (readonly [prefix: string, suffix: string])[] = [
  ["cn-", "amazonaws.com.cn"],
  ["eusc-", "amazonaws.eu"],
  ["us-isob-", "sc2s.sgov.gov"],
  ["us-isof-", "csp.hci.ic.gov"],
  ["us-iso-", "c2s.ic.gov"],
  ["eu-isoe-", "cloud.adc-e.uk"],
];

/**
 * The address to post to at an API Gateway stage: `https://{id}.execute-api.{region}.{suffix}/{stage}/interop`.
 * @param address.endpoint replaces scheme and host (a private API Gateway, an emulator); its path is kept
 * @throws AddressError
 */
export function awsInteropUrl(address: {
  apiGatewayId: string;
  region: string;
  stage: string;
  endpoint?: string;
}): string {
  const { apiGatewayId, region, stage, endpoint } = address;
  if (!/^[a-zA-Z0-9_-]{1,128}$/.test(stage)) {
    throw new AddressError("stage", "give the stage's name alone (letters, digits, - and _), such as Prod");
  }
  if (endpoint !== undefined) return `${baseUrl(endpoint)}/${stage}/interop`;
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(apiGatewayId)) {
    throw new AddressError(
      "apiGatewayId",
      "give the gateway's ID alone (lower-case letters and digits, such as a1b2c3d4e5), not its address",
    );
  }
  if (!/^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/.test(region)) {
    throw new AddressError("region", "give the region's code, such as eu-central-1");
  }
  const suffix = DOMAIN_SUFFIXES.find(([prefix]) => region.startsWith(prefix))?.[1] ?? "amazonaws.com";
  return `https://${apiGatewayId}.execute-api.${region}.${suffix}/${stage}/interop`;
}

/**
 * Checks an address that is posted to as it stands (types Azure and Other).
 * @param field its name, for the error
 * @returns the address, normalised
 * @throws AddressError
 */
export function checkedInteropUrl(field: string, address: string): string {
  const url = httpUrl(field, address);
  if (url.hash !== "") throw new AddressError(field, "leave out what follows #");
  return url.href;
}

function baseUrl(endpoint: string): string {
  const url = httpUrl("endpoint", endpoint);
  if (url.search !== "" || url.hash !== "") {
    throw new AddressError("endpoint", "leave out what follows ? or #: stage and /interop follow the path");
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

function httpUrl(field: string, address: string): URL {
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw new AddressError(field, "give a whole address, such as https://cloud.example.com/interop");
  }
  if (url.username !== "" || url.password !== "") {
    throw new AddressError(field, "leave user name and password out of the address");
  }
  return url;
}
