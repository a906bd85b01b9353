// A schema of schemas/ as code: dist/generated/*-validator.js, which tools/finish-build.ts generates.

import type { ValidateFunction } from "ajv";

declare const validate: ValidateFunction;
export default validate;
