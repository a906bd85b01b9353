// Every plugin that ships, its two forwards on the GPU executor too: the part of the kit that depends on an executor.

import { describe, it } from "mocha";
import { builtInFolders } from "../../core/architecture/load.js";
import { webgpuProvider } from "../../core/executor/webgpu/provider.js";
import { ArchitectureTester } from "../../core/testing/architecture-tester.js";

const forwardsOnly = {
  describe,
  it: (title: string, body: () => Promise<void>) => (title.endsWith("forwards agree") ? it(title, body) : undefined),
};

function suite(): void {
  for (const folder of builtInFolders()) new ArchitectureTester({}, forwardsOnly).run(folder);
}

const reason = await webgpuProvider.unavailable();
if (reason === undefined) describe("plugins on webgpu", suite);
else describe.skip(`plugins on webgpu: skipped, ${reason}`, suite);
