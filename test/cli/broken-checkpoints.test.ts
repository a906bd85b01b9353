// Sources that are damaged or not what they say: the line names the file or tensor, what was expected and what was found.

import { chmodSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { editJson, type RawTensor, readAllTensors, readJson, readTensors, scratchFolder, writeTensors } from "../helpers/folders.js";
import { expectRefusal, expectRefused, type Refusal } from "../helpers/refusal.js";

const scratch = scratchFolder("broken");
after(scratch.remove);

const SHARD = "model-00002-of-00003.safetensors";
const INDEX = "model.safetensors.index.json";
const Q = "model.layers.0.self_attn.q_proj.weight";

const engine = createEngine();
const shardOf = (folder: string, name: string): string => readJson(folder, INDEX).weight_map[name];

/** Change one shard's tensors; the index follows. */
function editShard(folder: string, shard: string, edit: (tensors: Map<string, RawTensor>) => void): void {
  const tensors = readTensors(join(folder, shard));
  edit(tensors);
  writeTensors(join(folder, shard), tensors);
  const { metadata, weight_map: map } = readJson(folder, INDEX);
  const others = Object.entries(map as Record<string, string>).filter(([, file]) => file !== shard);
  const total = [...readAllTensors(folder).values()].reduce((sum, { data }) => sum + data.length, 0);
  const weightMap = Object.fromEntries([...others, ...[...tensors.keys()].map((name) => [name, shard])]);
  editJson(folder, INDEX, { metadata: { ...metadata, total_size: total }, weight_map: weightMap });
}

function rename(folder: string, from: string, to: string): void {
  const shard = shardOf(folder, from);
  editShard(folder, shard, (tensors) => {
    tensors.set(to, tensors.get(from) as RawTensor);
    tensors.delete(from);
  });
}

const failure = (...says: string[]): Refusal => ({ code: 1, says });

const damages: [string, string, (folder: string) => void, Refusal][] = [
  [
    "a truncated shard",
    "tiny-llama3",
    (folder) => truncateSync(join(folder, SHARD), 500_000),
    failure(SHARD, "expected 888848 bytes by its header, found 500000", "truncated"),
  ],
  [
    "a truncated header",
    "tiny-llama3",
    (folder) => truncateSync(join(folder, SHARD), 100),
    failure(SHARD, "does not fit a file of 100", "fetch it again"),
  ],
  [
    "a shard of no bytes",
    "tiny-llama3",
    (folder) => truncateSync(join(folder, SHARD), 0),
    failure(SHARD, "at least 8 bytes, found 0", "fetch it again"),
  ],
  [
    "a shard that is a web page",
    "tiny-llama3",
    (folder) => writeFileSync(join(folder, SHARD), "<!DOCTYPE html><title>404</title>"),
    failure(SHARD, "header length", "is this a safetensors file?"),
  ],
  [
    "an index that names a missing shard",
    "tiny-llama3",
    (folder) => rmSync(join(folder, SHARD)),
    failure(INDEX, `names 3 files, 1 of them missing: ${SHARD}`, "fetch the missing files"),
  ],
  [
    "no index beside shards",
    "tiny-llama3",
    (folder) => rmSync(join(folder, INDEX)),
    failure("no weights", `there are shards but no ${INDEX}; fetch it`),
  ],
  [
    "a config that is no JSON",
    "tiny-llama3",
    (folder) => writeFileSync(join(folder, "config.json"), "{\n  hidden_size: 1"),
    failure("config.json: not valid JSON"),
  ],
  [
    "a config of another kind of model",
    "tiny-llama3",
    (folder) => editJson(folder, "config.json", { model_type: "gpt2", architectures: ["GPT2LMHeadModel"] }),
    failure('no plugin fits this model (model_type "gpt2")', "name one with --plugin; known: llama"),
  ],
  [
    "a config without a size",
    "tiny-llama3",
    (folder) => editJson(folder, "config.json", { hidden_size: undefined }),
    failure("config.json: hidden_size is missing"),
  ],
  [
    "a config whose size is text",
    "tiny-llama3",
    (folder) => editJson(folder, "config.json", { hidden_size: "128" }),
    failure('config.json: hidden_size: expected an integer, found "128"'),
  ],
  [
    "a tensor stored twice",
    "tiny-llama3",
    (folder) => {
      const twice = readTensors(join(folder, shardOf(folder, Q))).get(Q) as RawTensor;
      const other = "model-00003-of-00003.safetensors";
      writeTensors(join(folder, other), readTensors(join(folder, other)).set(Q, twice));
    },
    failure(`${Q} is stored twice`, "model-00001-of-00003.safetensors", "model-00003-of-00003.safetensors", "remove the stale file"),
  ],
  [
    "a tensor too many",
    "tiny-llama3",
    (folder) =>
      editShard(folder, SHARD, (tensors) =>
        tensors.set("model.layers.3.self_attn.q_proj.bias", { dtype: "BF16", shape: [1], data: Buffer.alloc(2) }),
      ),
    failure(
      "model.layers.3.self_attn.q_proj.bias: stored, but no rule of llama explains it",
      "the nearest name it knows is model.layers.3.self_attn.q_proj.weight",
    ),
  ],
  [
    "a tensor with a misspelt name",
    "tiny-llama3",
    (folder) => rename(folder, Q, Q.replace("q_proj", "q_porj")),
    failure(`${Q}: expected by llama, not stored`, `the nearest stored name is ${Q.replace("q_proj", "q_porj")}`),
  ],
  [
    "a tensor of another shape",
    "tiny-llama3",
    (folder) =>
      editShard(folder, shardOf(folder, Q), (tensors) =>
        tensors.set(Q, { dtype: "BF16", shape: [64, 128], data: Buffer.alloc(64 * 128 * 2) }),
      ),
    failure(Q, "expected [128, 128], found [64, 128]", "config and weights are of different models"),
  ],
  [
    "a dtype that cannot be cast",
    "tiny-llama3",
    (folder) =>
      editShard(folder, shardOf(folder, Q), (tensors) => tensors.set(Q, { dtype: "I8", shape: [128, 128], data: Buffer.alloc(128 * 128) })),
    failure(`${Q}: cannot cast I8 to F32`, "expected one of F32, BF16, F16", "drop --dtype"),
  ],
  [
    "a Nanotron file of another topology",
    "golden/nanotron-tp2",
    (folder) => {
      const file = join(folder, "model/model/lm_head/pp_block/model_weight_pp-rank-0-of-1_tp-rank-0-of-2.safetensors");
      writeFileSync(file.replace("0-of-2", "0-of-4"), readFileSync(file));
    },
    failure("files of two topologies", "TP 2", "TP 4", "remove the stale ones"),
  ],
  [
    "a Nanotron rank's file missing",
    "golden/nanotron-tp2",
    (folder) => rmSync(join(folder, "model/model/lm_head/pp_block/model_weight_pp-rank-0-of-1_tp-rank-1-of-2.safetensors")),
    failure("lm_head.pp_block.weight@tp1: expected by llama, not stored"),
  ],
  [
    "a link that leads back to its own folder",
    "golden/nanotron-tp1",
    (folder) => symlinkSync(".", join(folder, "model/loop")),
    failure("too many symbolic links", "remove the link"),
  ],
];

describe("a damaged source", () => {
  for (const [what, name, damage, refusal] of damages) {
    it(what, async () => {
      const folder = scratch.copy(name);
      damage(folder);
      const to = name === "tiny-llama3" ? "nanotron" : "huggingface";
      const dtype = what.includes("cast") ? "F32" : undefined;
      const out = scratch.fresh();
      await expectRefused(dirname(folder), () => engine.convert(folder, out, { to, dtype }), refusal);
      rmSync(folder, { recursive: true });
    });
  }

  it("is one line of the command, and exit code 1", async () => {
    const folder = scratch.copy("tiny-llama3");
    truncateSync(join(folder, SHARD), 100);
    await expectRefusal(dirname(folder), ["convert", folder, "out", "--to", "nanotron"], failure(SHARD, "fetch it again"));
    rmSync(folder, { recursive: true });
  });

  it("a file that may not be read", async function () {
    if (process.getuid?.() === 0) return this.skip(); // root reads everything
    const folder = scratch.copy("tiny-llama3");
    chmodSync(join(folder, SHARD), 0);
    await expectRefusal(
      dirname(folder),
      ["convert", folder, "out", "--to", "nanotron"],
      failure(SHARD, "permission denied", "check the permissions"),
    );
  });
});
