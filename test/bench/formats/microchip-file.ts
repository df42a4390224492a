import { access, open, rename, writeFile } from "node:fs/promises";
import { createIssuer, createLogSigner, microchipJws } from "../../../tools/factory/index.ts";
import { freshReelNumber, mint } from "../reels/manifest-file.ts";

const PIECE_DEVICES = 500;

/** A manifest as Microchip writes it, and the certificate in PEM of who signed its entries. */
export interface SignedManifest {
  readonly path: string;
  readonly signers: string;
}

/** Writes signed entries, one a device, some 10,000 a second; nothing where the file is there from an earlier run. */
export async function microchipManifest(
  path: string,
  batchId: string,
  devices: number,
): Promise<SignedManifest> {
  const signers = `${path}.signers.pem`;
  const there = await access(path).then(
    () => true,
    () => false,
  );
  if (there) return { path, signers };
  const issuer = await createIssuer();
  const signer = await createLogSigner(issuer);
  const { privateKey } = await issuer.issueDevice({ batchId });
  const source = await mint();
  const reel = freshReelNumber();
  await writeFile(signers, signer.pem);
  {
    await using file = await open(`${path}.part`, "w");
    for (let first = 0; first < devices; first += PIECE_DEVICES) {
      let text = "";
      for (let at = first; at < Math.min(first + PIECE_DEVICES, devices); at += 1) {
        const { der } = source.device(reel, at);
        const deviceId = `0123${at.toString(16).padStart(12, "0")}ee`;
        const entry = microchipJws({ deviceId, der, privateKey }, { groupId: batchId, signer });
        text += `${at === 0 ? "[" : ","}\n${JSON.stringify(entry, undefined, 2)}`;
      }
      await file.writeFile(text);
    }
    await file.writeFile("\n]\n");
  }
  await rename(`${path}.part`, path);
  return { path, signers };
}
