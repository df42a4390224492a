import { z } from "zod";
import { type Need, schemaOf, unmet } from "./needs.ts";

const text = (description: string, value = "") => z.string().default(value).meta({ description });
const texts = (description: string) => z.array(z.string()).default([]).meta({ description });
const namespace = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/u);

const image = z
  .strictObject({
    repository: text("Where the console's image is.", "ghcr.io/certferry/console"),
    tag: text("Empty: the chart's appVersion."),
    digest: text("sha256:… takes precedence over the tag."),
  })
  .prefault({})
  .meta({ description: "The console's image." });

const oidc = z
  .strictObject({
    issuer: z
      .string()
      .regex(/^(https:\/\/.+)?$/u)
      .default("")
      .meta({ description: "The provider's address; empty: people sign in with Kubernetes tokens only." }),
    clientId: text("What the console is to the provider."),
    clientSecretName: text("A Secret with the key client-secret; empty: a public client."),
    label: text("What the button says.", "Sign in"),
    usernameClaim: text("The claim that people are known to the cluster by.", "email"),
    groupsClaim: text("The claim with their groups.", "groups"),
    usernamePrefix: text("Put before names, as --oidc-username-prefix of the API server.", "oidc:"),
    groupsPrefix: text("Put before groups.", "oidc:"),
    groups: texts(
      "Groups, with their prefix, that people may come with; the console may impersonate these and no others.",
    ),
    users: texts(
      "Whom the console may impersonate, by name and with their prefix: who may sign in. Needed unless anyUser is on.",
    ),
    anyUser: z.boolean().default(false).meta({
      description:
        "Without users: lets the console be any user of the cluster, system:kube-controller-manager among them, for RBAC knows no prefixes. Who takes the console over then has the cluster.",
    }),
  })
  .prefault({})
  .meta({ description: "Sign-in at an OpenID provider, whose people the console impersonates." });

const NEEDS: readonly Need[] = [
  {
    when: { enabled: true },
    needs: ["publicUrl", "given"],
    message: "console.publicUrl: say how browsers reach the console",
  },
  {
    when: { enabled: true, "oidc.issuer": "given" },
    needs: ["oidc.clientId", "given"],
    message: "console.oidc.clientId: say what the console is to the provider",
  },
  {
    when: { enabled: true, "oidc.issuer": "given", "oidc.anyUser": false },
    needs: ["oidc.users", "given"],
    message:
      "console.oidc.users: name who may sign in; oidc.anyUser lets the console be anybody in the cluster instead",
  },
  {
    when: { enabled: true, tokenSignIn: false },
    needs: ["oidc.issuer", "given"],
    message: "console.tokenSignIn: nobody could sign in: give oidc.issuer, or leave tokenSignIn on",
  },
];

/** What can be chosen of the console. */
export const consoleValues = z
  .strictObject({
    enabled: z.boolean().default(false).meta({ description: "Installs the console." }),
    image,
    publicUrl: z
      .string()
      .regex(/^(https:\/\/.+)?$/u)
      .default("")
      .meta({
        description:
          "How browsers reach it: the Ingress or Gateway that ends TLS and leads to the Service certferry-console is yours.",
      }),
    accounts: z.array(namespace).default([]).meta({
      description:
        "The accounts that are served; none: every namespace with the label certferry.dev/account.",
    }),
    tokenSignIn: z
      .boolean()
      .default(true)
      .meta({ description: "People may sign in with a Kubernetes token." }),
    oidc,
    resources: z
      .record(z.string(), z.record(z.string(), z.union([z.string(), z.number()])))
      .default({ requests: { cpu: "50m", memory: "192Mi" }, limits: { memory: "1Gi" } })
      .meta({ description: "What the console is given." }),
  })
  .superRefine((values, context) => {
    for (const { message } of unmet(NEEDS, values)) context.addIssue({ code: "custom", message });
  })
  .prefault({})
  .meta({
    description: "The web console: one replica, because who is signed in is kept in its memory.",
    ...schemaOf(NEEDS),
  });
