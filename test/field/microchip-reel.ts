import {
  createLogSigner,
  type Issuer,
  microchipJson,
  microchipJws,
  microchipUniqueId,
} from "../../tools/factory/index.ts";

/** Microchip's manifest of three devices; its second entry is signed by another than the others. */
export async function microchipReel(issuer: Issuer, batchId: string) {
  const [signer, other] = [await createLogSigner(issuer), await createLogSigner(issuer)];
  const devices = await Promise.all(
    [1, 2, 3].map(() => issuer.issueDevice({ batchId: "", deviceId: microchipUniqueId() })),
  );
  const entries = devices.map((device, index) =>
    microchipJws(device, { groupId: batchId, signer: index === 1 ? other : signer }),
  );
  return { devices, json: microchipJson(entries), signer, other };
}
