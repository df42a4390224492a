import packageJson from "../package.json" with { type: "json" };

/** Of the command line; a bundle has it within. */
export const VERSION: string = packageJson.version;
