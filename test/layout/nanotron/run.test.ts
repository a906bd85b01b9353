// What a checkpoint's run leaves in config.yaml and checkpoint_metadata.json, and what a conversion makes of it.

import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { after, describe, it } from "mocha";
import { createEngine } from "../../../core/index.js";
import { editJson, readJson, scratchFolder } from "../../helpers/folders.js";

const scratch = scratchFolder("run");
const engine = createEngine();
after(scratch.remove);

const reshard = async (folder: string): Promise<string> => {
  const out = scratch.fresh();
  await engine.convert(folder, out, { to: "nanotron", tp: 2, verify: "none", nanotronVersion: "1.5" });
  return out;
};

describe("a Nanotron run", () => {
  for (const data_stages of [null, []])
    it(`with data_stages ${JSON.stringify(data_stages)}: one stage gets all samples, as Nanotron insists`, async () => {
      const folder = scratch.copy("golden/nanotron-tp1");
      const metas = { consumed_train_samples: 640, last_train_step: 20, last_stage_idx: null, data_stages };
      editJson(folder, "checkpoint_metadata.json", { metas });
      const { metas: written } = readJson(await reshard(folder), "checkpoint_metadata.json");
      expect(written.data_stages.map((stage: { consumed_train_samples: number }) => stage.consumed_train_samples)).to.deep.equal([640]);
      expect(written).to.include({ consumed_train_samples: 640, last_train_step: 20, last_stage_idx: 0 });
    });

  const unread: [string, string, string][] = [
    ["a tag of Python's own", "betas: !!python/tuple [0.9, 0.95]\n", "python/tuple"],
    ["an alias", "a: &a [1]\nb: *a\n", "alias"],
  ];
  for (const [what, yaml, says] of unread)
    it(`whose config.yaml has ${what}: converts, with a warning`, async () => {
      const folder = scratch.copy("golden/nanotron-tp1");
      appendFileSync(join(folder, "config.yaml"), yaml);
      await reshard(folder);
      const { problems, sound } = await engine.inspect(folder);
      expect(sound).to.equal(true);
      expect(problems.find(({ code }) => code === "RUN_CONFIG")?.message).to.include(says);
    });
});
