// What goes wrong with a device, as an error of one line.

import { ExecutorError } from "../../errors.js";

export const deviceFailed = (message: string): ExecutorError => new ExecutorError(`the webgpu executor failed: ${oneLine(message)}`);

export const oneLine = (message: string): string => message.trim().replace(/\s*\n\s*/g, " ");
