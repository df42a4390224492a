import { z } from "zod";
import { caBundle, objectName, secretRef, sha256, text } from "./fields.ts";
import { exactlyOne, noCredentialsInTheClear, rules, webAddress, WITHOUT_QUERY } from "./rules.ts";

/** Manifest formats that can be named in `format`; without one it is found from the content. */
export const MANIFEST_FORMATS = ["CloudIdCsv", "OptigaTrustM", "MicrochipJson", "EspressifCsv"] as const;

const configMap = z
  .object({
    name: objectName("The ConfigMap's name, in the operator's own namespace."),
    key: text({
      description:
        "The key that holds the manifest, in data (CSV as text) or in binaryData (an archive, or CSV of any encoding).",
      min: 1,
      max: 253,
      pattern: /^[-._a-zA-Z0-9]+$/,
      patternMessage: "must be a key of a ConfigMap: letters, digits, hyphens, underscores and dots",
    }),
  })
  .meta({
    description:
      "A key of a ConfigMap in the operator's own namespace. Holds up to 1 MiB, some hundreds of devices.",
  });

const http = z
  .object({
    url: text({
      description: "The whole address that the manifest is fetched from with GET.",
      min: 1,
      max: 2048,
      rules: webAddress("https://manifests.example.com/d001.7z"),
    }),
    secretRef: secretRef(
      "A Secret in the operator's own namespace, of type kubernetes.io/basic-auth (username and password), or with the key token, which is sent as a bearer token.",
      "The Secret's name, in the operator's own namespace.",
    ).exactOptional(),
    caBundle: caBundle(
      "Certificates in PEM that are trusted for this address besides the public roots.",
    ).exactOptional(),
  })
  .meta({
    description: "A file on a web server.",
    ...rules(
      {
        rule: `!has(self.secretRef) || ${noCredentialsInTheClear("self.url").rule}`,
        message:
          "the url must use https:// when secretRef is set, because the Secret's credentials are sent to it (http:// is for localhost and for Services of this cluster, *.svc, only)",
        fieldPath: ".url",
      },
      {
        rule: "!has(self.caBundle) || self.url.startsWith('https://')",
        message: "caBundle is of use with https:// only: use an https:// url, or leave caBundle out",
        fieldPath: ".caBundle",
      },
    ),
  });

const file = z
  .object({
    path: text({
      description:
        "The path below the folder that is mounted into the operator for manifests (--manifest-root), e.g. 2026/d001.7z.",
      min: 1,
      max: 1024,
      rules: [
        {
          rule: "!self.startsWith('/') && !self.matches('(^|/)[.]{1,2}(/|$)') && !self.contains('//') && !self.endsWith('/')",
          message:
            'must be the relative path of a file below the mounted folder, without a leading "/", without "." or ".." as a part, e.g. 2026/d001.7z',
        },
        {
          rule: "!self.matches('[\\\\x00-\\\\x1f\\\\x7f\\\\\\\\]')",
          message: 'must not hold control characters or backslashes: parts of a path are parted by "/"',
        },
      ],
    }),
  })
  .meta({ description: "A file below the one folder that is mounted into the operator for manifests." });

const s3 = z
  .object({
    bucket: text({
      description: "The bucket's name.",
      min: 3,
      max: 63,
      pattern: /^[a-z0-9][a-z0-9.-]*[a-z0-9]$/,
      patternMessage:
        "must be a bucket's name: lower-case letters, digits, hyphens and dots, e.g. reel-manifests",
    }),
    key: text({ description: "The object's key in the bucket, e.g. 2026/d001.7z.", min: 1, max: 1024 }),
    region: text({
      description: "The bucket's region, e.g. eu-central-1.",
      min: 1,
      max: 64,
      pattern: /^[a-z0-9-]+$/,
      patternMessage: "must be the name of a region, e.g. eu-central-1",
    }),
    endpoint: text({
      description: "The scheme and host of an S3-compatible store, where it is not AWS.",
      min: 1,
      max: 2048,
      rules: [...webAddress("https://s3.example.com"), WITHOUT_QUERY, noCredentialsInTheClear()],
    }).exactOptional(),
    secretRef: secretRef(
      "A Secret in the operator's own namespace with the keys accessKeyId and secretAccessKey, and sessionToken where they are temporary. Without it, the operator's own AWS identity is used; with an endpoint it is needed, for that identity is for AWS alone.",
      "The Secret's name, in the operator's own namespace.",
    ).exactOptional(),
  })
  .meta({
    description: "An object in S3, or in a store that speaks its protocol.",
  });

/** Where a reel's manifest comes from. */
export const manifestSource = z
  .object({
    configMap: configMap.exactOptional(),
    http: http.exactOptional(),
    file: file.exactOptional(),
    s3: s3.exactOptional(),
    sha256: sha256(
      "The SHA-256 of the file as the vendor published it. When set, a file with another digest is refused.",
    ).exactOptional(),
    format: z
      .enum(MANIFEST_FORMATS)
      .meta({
        description:
          "The file's format, which is found from its content: when this is set, a file that looks like another one is refused. CloudIdCsv: CSV with the columns device_id, group_id and certificate. EspressifCsv: CSV with the columns MAC and cert, and perhaps cn. MicrochipJson: a JSON array of signed entries. These by themselves or in a .7z archive. OptigaTrustM: the .7z archive of archives that OPTIGA Trust M Express gives out.",
      })
      .exactOptional(),
    signers: caBundle(
      "For MicrochipJson: the vendor's log signers, one or more certificates in PEM. Each entry must be signed by one of them, while it was valid; an entry that is not is refused. Without this the signatures are not looked at.",
    ).exactOptional(),
  })
  .meta({
    description:
      "Where the list of the reel's device certificates comes from: exactly one of configMap, http, file and s3. Once the reel is bound, the content is fixed.",
    ...rules(
      exactlyOne(
        ["configMap", "http", "file", "s3"],
        "set exactly one source of the manifest: configMap, http, file or s3",
      ),
    ),
  });

export type ManifestSource = z.infer<typeof manifestSource>;
