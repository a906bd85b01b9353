// config.yaml and checkpoint_metadata.json: the key set of each version, strict as Nanotron's own parser is.

import { isObject, type Json, type JsonObject } from "../../format/json.js";
import { type DType, torchName } from "../../tensor/dtype.js";
import type { NanotronVersion, Topology } from "../layout.js";

export interface RunConfigRequest {
  readonly modelConfig: JsonObject;
  readonly version: NanotronVersion;
  readonly topology: Topology;
  readonly dtype: DType;
  /** Where Nanotron will find this folder; it resolves relative paths against its own working folder. */
  readonly runtimeRoot: string;
  /** `project`, `run` and `seed` of the source's own config.yaml. */
  readonly general: Readonly<{ project?: Json; run?: Json; seed?: Json }>;
}

/** config.yaml: enough to load the model, or to start training from it, and nothing of a run that is not ours. */
export function composeRunConfig(request: RunConfigRequest): JsonObject {
  const { modelConfig, version, topology, dtype, runtimeRoot, general } = request;
  const isCurrent = version >= "1.5";
  return {
    checkpoints: null,
    data_stages: null,
    general: {
      benchmark_csv_path: null,
      consumed_train_samples: null,
      ...(isCurrent ? {} : { entity: null }),
      ignore_sanity_checks: true,
      project: general.project ?? "Nanotron",
      run: general.run ?? "Weighbridge",
      seed: general.seed ?? 42,
      step: null,
    },
    lighteval: null,
    logging: null,
    ...(isCurrent ? { metrics_logging: null } : {}),
    model: {
      ddp_bucket_cap_mb: 25,
      dtype: torchName(dtype) ?? "bfloat16",
      init_method: { path: runtimeRoot },
      make_vocab_size_divisible_by: 1,
      model_config: modelConfig,
    },
    optimizer: null,
    parallelism: {
      ...(isCurrent ? { context_parallel_size: 1 } : {}),
      dp: 1,
      expert_parallel_size: 1,
      pp: topology.pp,
      pp_engine: "afab",
      recompute_layer: false,
      tp: topology.tp,
      tp_linear_async_communication: false,
      tp_mode: "ALL_REDUCE",
      tp_recompute_allgather: true,
    },
    profiler: null,
    ...(isCurrent ? { s3_upload: null } : {}),
    // Also without a tokenizer: version 1.4 insists on the section, and Nanotron's own scripts write it so.
    tokenizer: { tokenizer_max_length: null, tokenizer_name_or_path: runtimeRoot, tokenizer_revision: null },
    tokens: null,
  };
}

/** Nanotron's own fallback for a stage that does not name it. */
const SEQUENCE_LENGTH = 4096;

/**
 * checkpoint_metadata.json of a checkpoint at step 0, or with an earlier one's progress.
 *
 * @param progress - `metas` of the source's, when the source is Nanotron's
 */
export function composeCheckpointMetadata(version: NanotronVersion, tp: number, progress: JsonObject | undefined): JsonObject {
  const isCurrent = version >= "1.5";
  const stage = (known: JsonObject): JsonObject => ({
    name: known.name ?? "Empty",
    start_training_step: known.start_training_step ?? 0,
    consumed_train_samples: known.consumed_train_samples ?? 0,
    ...(isCurrent
      ? {
          sequence_length: known.sequence_length ?? SEQUENCE_LENGTH,
          consumed_tokens_per_dataset_folder: known.consumed_tokens_per_dataset_folder ?? {},
        }
      : {}),
  });
  // Nanotron insists on a list of stages whose samples add up; early checkpoints of version 1.4 have none.
  const known = Array.isArray(progress?.data_stages) ? progress.data_stages.filter(isObject) : [];
  const stages = known.length > 0 ? known : [{ consumed_train_samples: progress?.consumed_train_samples ?? 0 }];
  return sortKeys({
    version,
    tp,
    dp: 1,
    ...(isCurrent ? { cp: 1 } : {}),
    custom_metas: null,
    metas: {
      consumed_train_samples: progress?.consumed_train_samples ?? 0,
      last_train_step: progress?.last_train_step ?? 0,
      ...(isCurrent ? { consumed_tokens_total: progress?.consumed_tokens_total ?? 0 } : {}),
      last_stage_idx: progress?.last_stage_idx ?? 0,
      data_stages: stages.map(stage),
    },
  }) as JsonObject;
}

function sortKeys(value: Json): Json {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, entry]) => [key, sortKeys(entry)]),
  );
}
