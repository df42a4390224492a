import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { LocalWorkspace, PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import type { Stack } from "@pulumi/pulumi/automation/index.js";

import { reapFolder } from "../../tools/process/reaper.ts";
import type { PulumiEngine } from "../../tools/pulumi-engine/source.ts";

export type { Stack };

const ROOT = resolve(import.meta.dirname, "../..");
/** Any secret in the state of a test's stack is safe with it. */
const PASSPHRASE = "the passphrase of a stack that is thrown away";

export interface TestProjectOptions {
  readonly engine: PulumiEngine;
  /** What tells the AWS SDKs where to call, and as whom. */
  readonly aws: Readonly<Record<string, string>>;
  /** Paths of further programs that commands in the project may use, by name. */
  readonly programs?: Readonly<Record<string, string>>;
}

/** The project as a user has it, in a folder of its own, with a backend of its own. */
export interface TestProject {
  readonly folder: string;
  /** What a shell in the folder needs, so that `pulumi` there is this engine with this backend. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * The stack of that name, made if it is not there. Its `up`, `preview`, `refresh` and `destroy` run the real
   * program, with what stands in `Pulumi.NAME.yaml`.
   */
  stack(name: string): Promise<Stack>;
  /** Removes the folder, with the state. What the stacks have made stays. */
  remove(): Promise<void>;
}

/**
 * Lays out Pulumi.yaml and infra/ for a real engine, which finds the stand-ins for the AWS provider and the Node
 * language host on its PATH, and keeps its state in a folder.
 */
export async function testProject(options: TestProjectOptions): Promise<TestProject> {
  const folder = await mkdtemp(join(tmpdir(), "certferry-pulumi-"));
  reapFolder(folder);
  const [project, installation, home, state] = ["project", "installation", "home", "state"].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  for (const each of [project, join(installation, "bin"), home, state])
    await mkdir(each, { recursive: true });
  for (const file of ["Pulumi.yaml", "Pulumi.example.yaml"])
    await copyFile(join(ROOT, file), join(project, file));
  await symlink(join(ROOT, "infra"), join(project, "infra"));
  const bin = join(installation, "bin");
  await layPrograms(bin, { ...options.programs, pulumi: options.engine.path });
  const envVars = {
    ...options.aws,
    // Nothing of the caller's own account is to be used by mistake.
    AWS_PROFILE: "",
    AWS_SESSION_TOKEN: "",
    AWS_SHARED_CREDENTIALS_FILE: join(home, "none"),
    AWS_CONFIG_FILE: join(home, "none"),
    PATH: [bin, process.env["PATH"]].join(delimiter),
    PULUMI_HOME: home,
    PULUMI_BACKEND_URL: `file://${state}`,
    PULUMI_CONFIG_PASSPHRASE: PASSPHRASE,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // Nobody is there to say yes.
    PULUMI_SKIP_CONFIRMATIONS: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
  };
  const pulumiCommand = await PulumiCommand.get({ root: installation });
  return {
    folder: project,
    env: envVars,
    async stack(stackName) {
      return await LocalWorkspace.createOrSelectStack(
        { stackName, workDir: project },
        { pulumiCommand, envVars },
      );
    },
    async remove() {
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** The programs that the engine, and commands, look for on their PATH. */
async function layPrograms(bin: string, programs: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, path] of Object.entries(programs)) await symlink(path, join(bin, name));
  await symlink(process.execPath, join(bin, "node"));
  for (const [name, main] of [
    ["pulumi-resource-aws", "stand-in-provider/main.ts"],
    ["pulumi-language-nodejs", "node-language-host/main.ts"],
  ] as const) {
    const line = `exec '${process.execPath}' '${join(import.meta.dirname, main)}' "$@"`;
    await writeFile(join(bin, name), `#!/bin/sh\n${line}\n`);
    await chmod(join(bin, name), 0o755);
  }
}
