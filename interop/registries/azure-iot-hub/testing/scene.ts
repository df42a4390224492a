import { createHash } from "node:crypto";
import type { CheckedCertificate, Registry, RegistryCall } from "../../port.ts";
import { type AzureIotHubOptions, createAzureIotHubRegistry } from "../registry.ts";
import { createTestClock, type TestClock } from "./clock.ts";
import { HUB_HOST, type HubServer } from "./hub-server.ts";

/** SHA-256 of a text, as a certificate's thumbprint looks. */
export function thumbprint(text: string): string {
  return createHash("sha256").update(text).digest("hex").toUpperCase();
}

/** A certificate as the callee hands it on; `serial` names its device. */
export function certificate(serial: string, text = serial, ref = serial): CheckedCertificate {
  return { ref, serial, thumbprint: thumbprint(text), pem: "" };
}

export const ENDLESS: RegistryCall = { signal: new AbortController().signal };

/** A registry on a hub server, with a clock of its own. */
export function registryOn(
  hub: HubServer,
  options: Partial<AzureIotHubOptions> = {},
): Required<Registry> & { clock: TestClock } {
  const clock = createTestClock();
  const registry = createAzureIotHubRegistry({
    host: HUB_HOST,
    dispatcher: hub.dispatcher,
    credential: {
      getToken: () => Promise.resolve({ token: "good", expiresOnTimestamp: clock.now() + 3_600_000 }),
    },
    clock,
    ...options,
  });
  return { ...registry, clock };
}

/** The device that is let in by these thumbprints alone, as provisioning leaves it behind. */
export function selfSigned(...thumbprints: [string, ...string[]]): {
  authentication: {
    type: "selfSigned";
    x509Thumbprint: { primaryThumbprint: string; secondaryThumbprint: string };
  };
} {
  const [primaryThumbprint, secondaryThumbprint = primaryThumbprint] = thumbprints;
  return {
    authentication: { type: "selfSigned", x509Thumbprint: { primaryThumbprint, secondaryThumbprint } },
  };
}
