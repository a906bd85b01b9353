// plugin.schema.json as code: dist/generated/plugin-validator.js, which tools/finish-build.ts generates.

import type { ValidateFunction } from "ajv";
import type { PluginFile } from "./declaration.js";

declare const validate: ValidateFunction<PluginFile>;
export default validate;
