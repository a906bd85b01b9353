// model_config.json and config.yaml: the key set of each version, strict as Nanotron's own parser is.

import type { Plugin, SettingDeclaration, Value, Values } from "../../architecture/declaration.js";
import type { Settings } from "../../architecture/settings.js";
import { isObject, type Json, type JsonObject, parseObject, sameJson } from "../../format/json.js";
import { pythonFloat } from "../../format/python.js";
import { type DType, torchName } from "../../tensor/dtype.js";
import type { NanotronVersion, Topology } from "../layout.js";

/** What a checkpoint of before 2024-05 was trained with; later ones have the key. @see nanotron-format: RoPE */
const THETA_WITHOUT_KEY = 10000;

const isHere = ({ in: only }: SettingDeclaration): boolean => only === undefined || only === "nanotron";

/** The settings of a model_config.json; absent keys stay absent, save theta, whose default changed. */
export function settingsOf(raw: Values, plugin: Plugin): Values {
  const values: Record<string, Value> = {};
  for (const [name, declaration] of Object.entries(plugin.settings)) {
    const value = raw[name];
    if (isHere(declaration) && value !== undefined) values[name] = value;
  }
  values.rope_theta ??= THETA_WITHOUT_KEY;
  return values;
}

/**
 * The model's dataclass as Nanotron dumps it.
 *
 * @param carried - an earlier model_config.json; where it has another value of the same meaning, its text stays
 */
export function composeModelConfig(plugin: Plugin, settings: Settings, version: NanotronVersion, carried: string | undefined): JsonObject {
  const base = carried === undefined ? {} : parseObject(carried, "model_config.json");
  const document: JsonObject = {};
  for (const [name, declaration] of Object.entries(plugin.settings)) {
    if (!isWritten(declaration, version)) continue;
    const value = typed(settings[name] ?? null, declaration);
    document[name] = sameJson(base[name], value) ? (base[name] ?? null) : value;
  }
  for (const [key, value] of Object.entries(plugin.constants.nanotron ?? {})) document[key] = value as Json;
  return document;
}

const isWritten = (declaration: SettingDeclaration, version: NanotronVersion): boolean =>
  isHere(declaration) && (declaration.since === undefined || version >= declaration.since);

function typed(value: Value, { type }: SettingDeclaration): Json {
  if (type === "float" && typeof value === "number") return pythonFloat(value);
  // Nanotron takes one id where Hugging Face may list several; the list stays in generation_config.json.
  if (type === "token" && Array.isArray(value)) return value[0] as Json;
  return value as Json;
}

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
