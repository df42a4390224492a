import { getClientTokenOutput } from "@pulumi/azure-native/authorization/index.js";
import type * as pulumi from "@pulumi/pulumi";

/** Gives an access token of whoever runs Pulumi. It is kept in memory alone: neither inputs nor outputs hold it. */
export type Token = () => Promise<string>;

const STORAGE = "https://storage.azure.com/";

/** Tokens of the provider's own credentials: for data in storage, and for Azure Resource Manager. */
export function deployerTokens(opts: pulumi.InvokeOutputOptions): { storage: Token; management: Token } {
  const storage = getClientTokenOutput({ endpoint: STORAGE }, opts);
  const management = getClientTokenOutput({}, opts);
  return { storage: () => textOf(storage), management: () => textOf(management) };
}

async function textOf(output: pulumi.Output<{ token: string }>): Promise<string> {
  return await new Promise((done) => {
    output.apply(({ token }) => done(token));
  });
}
