import { createGatewayHandler } from "./aws-lambda-handler.ts";
import { createLambdaLog } from "./aws-lambda-log.ts";

/** The entry of the Lambda function; `createGatewayHandler` says what it does. */
export const handler = createGatewayHandler(process.env, createLambdaLog());
