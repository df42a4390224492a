import { IoTClient } from "@aws-sdk/client-iot";
import { execFile } from "node:child_process";

import { inventory } from "../../infra/testing/inventory.ts";
import { takeRights } from "../../infra/testing/rights.ts";
import { type TestProject, testProject } from "../../infra/testing/engine.ts";
import { type AwsEmulator, startAwsEmulator } from "../../tools/aws-emulator/emulator.ts";
import { findKubectl } from "../../tools/kubectl/source.ts";
import { findPulumiEngine } from "../../tools/pulumi-engine/source.ts";
import { Field } from "../field/field.ts";
import { type AwsFront, startAwsFront } from "./aws-front.ts";

const REGION = "eu-west-1";
const ACCOUNT_ID = "123456789012";
const COMMAND_DEADLINE_MS = 120_000;

/** Everything real that a customer has: a cluster with the operator, an AWS account, Pulumi, and a shell. */
export class Site {
  readonly field: Field;
  readonly aws: AwsEmulator;
  readonly front: AwsFront;
  readonly project: TestProject;
  /** A client of the AWS account, with all rights. */
  readonly iot: IoTClient;

  readonly #opened: AsyncDisposableStack;

  private constructor(
    parts: Pick<Site, "field" | "aws" | "front" | "project">,
    opened: AsyncDisposableStack,
  ) {
    this.field = parts.field;
    this.aws = parts.aws;
    this.front = parts.front;
    this.project = parts.project;
    this.iot = new IoTClient({ region: REGION, ...parts.aws.access });
    this.#opened = opened;
  }

  /** Starts everything; what was started is stopped again when something does not start. */
  static async open(): Promise<Site> {
    const [kubectl, engine] = [await findKubectl(), await findPulumiEngine()];
    await using opening = new AsyncDisposableStack();
    const aws = opening.adopt(
      await startAwsEmulator({ accountId: ACCOUNT_ID, region: REGION }),
      async (emulator) => await emulator.stop(),
    );
    const front = opening.adopt(await startAwsFront(aws), async (started) => await started.close());
    const field = opening.adopt(await Field.open(), async (started) => await started.close());
    await field.operator({ env: { ...front.env } });
    const project = opening.adopt(
      await testProject({ engine, aws: aws.env, programs: { kubectl: kubectl.path } }),
      async (laid) => await laid.remove(),
    );
    return new Site({ field, aws, front, project }, opening.move());
  }

  /**
   * Runs a command line as a person does in the project's folder.
   * @returns what it wrote to standard output
   * @throws Error when it fails, with all that it wrote
   */
  async shell(line: string): Promise<string> {
    const options = {
      cwd: this.project.folder,
      env: { ...process.env, ...this.project.env, KUBECONFIG: this.field.plane.kubeconfig },
      timeout: COMMAND_DEADLINE_MS,
      maxBuffer: 16 * 1024 * 1024,
    };
    return await new Promise((resolve, reject) => {
      execFile("sh", ["-euc", line], options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${line}: ${error.message}\n${stdout}\n${stderr}`, { cause: error }));
      });
    });
  }

  /** What the AWS account holds. */
  async inventory(): Promise<string[]> {
    return await inventory(REGION, this.aws.access);
  }

  /** Takes the rights of the roles whose names begin so. */
  async takeRights(rolePrefix: string): Promise<void> {
    await takeRights(REGION, this.aws.access, rolePrefix);
  }

  async close(): Promise<void> {
    this.iot.destroy();
    await this.#opened.disposeAsync();
  }
}
