// The Nanotron layout: one file per parameter and tensor-parallel rank, with the configs that its strict parsers want.

import type { Architecture } from "../../architecture/architecture.js";
import { hasRowOrders, type Plugin, type Values } from "../../architecture/declaration.js";
import { CheckpointError, UnsupportedError, UsageError } from "../../errors.js";
import { printJson } from "../../format/json.js";
import { encodeHeader } from "../../format/safetensors.js";
import { printYaml } from "../../format/yaml.js";
import type { ReferenceMap } from "../../plan/transforms.js";
import type { Store } from "../../store/store.js";
import type { DType } from "../../tensor/dtype.js";
import { castOnLoad } from "../cast-on-load.js";
import { majorityDtype } from "../dtypes.js";
import type {
  Arrangement,
  ArrangementRequest,
  Checkpoint,
  DocumentRequest,
  Layout,
  Slot,
  TargetDocument,
  TargetFile,
  TargetRequest,
  Topology,
} from "../layout.js";
import { composeModelConfig, settingsOf, unknownKeys } from "./config.js";
import { filePath, slotKey } from "./file-name.js";
import { openNanotron, resolveRun, TRAINING_FOLDERS } from "./open.js";
import { checkPipeline, type Pipeline, pipelineRanks } from "./pipeline.js";
import { nanotronReference } from "./reference.js";
import { composeCheckpointMetadata, composeRunConfig } from "./run-config.js";
import { printSharding } from "./sharding.js";
import { nanotronSlots } from "./slots.js";

/** Each file holds one tensor, under this name. */
const TENSOR_NAME = "data";
/** @see nanotron src/nanotron/config/utils_config.py at 2411b022, str_to_dtype */
const UNKNOWN_DTYPES: readonly DType[] = ["F8_E4M3", "F8_E5M2", "U16", "U32", "U64"];
/** One rank, and Hugging Face's order of q and k rows: what every Nanotron since 2024-09 reads without being told. */
const DEFAULT: Arrangement = { tp: 1, pp: 1, ropeInterleaved: false };

export class NanotronLayout implements Layout {
  readonly name = "nanotron";
  readonly irreplaceable = TRAINING_FOLDERS;

  detect(store: Store, root: string): Promise<string | undefined> {
    return resolveRun(store, root);
  }

  open(store: Store, root: string): Promise<Checkpoint> {
    return openNanotron(store, root);
  }

  readSettings(rawConfig: Values, plugin: Plugin): Values {
    return settingsOf(rawConfig, plugin);
  }

  unknownKeys(rawConfig: Values, plugin: Plugin): string[] {
    return unknownKeys(rawConfig, plugin);
  }

  arrangementOf(checkpoint: Checkpoint, plugin: Plugin, answer: boolean | undefined): Arrangement {
    const ropeInterleaved = hasRowOrders(plugin) ? isInterleaved(checkpoint, answer) : false;
    if (answer === true && !hasRowOrders(plugin))
      throw new UsageError(`${checkpoint.configPath}: ${plugin.name} knows one order of q and k rows, half-split`, {
        hint: "drop --source-rope-interleaved",
      });
    return { ...checkpoint.topology, ropeInterleaved };
  }

  chooseArrangement(wanted: ArrangementRequest, kept: Arrangement = DEFAULT): Arrangement {
    const { tp = kept.tp, pp = kept.pp, ropeInterleaved = kept.ropeInterleaved } = wanted;
    return { tp, pp, ropeInterleaved };
  }

  pipelineRanks(architecture: Architecture, { pp }: Topology): number[] {
    return blockRanks(architecture, pp);
  }

  slots(architecture: Architecture, arrangement: Arrangement): Slot[] {
    return nanotronSlots(architecture, arrangement);
  }

  reference(architecture: Architecture, arrangement: Arrangement): ReferenceMap {
    return nanotronReference(architecture, arrangement);
  }

  files({ architecture, arrangement, slots, dtypes, version }: TargetRequest): TargetFile[] {
    checkPipeline(pipelineOf(architecture), arrangement.pp);
    const ranks = parameterRanks(architecture, arrangement.pp);
    return slots.map((slot) => {
      const { key, name, shape, sharding } = slot;
      const dtype = dtypes.get(key) ?? "F32";
      if (UNKNOWN_DTYPES.includes(dtype)) throw new UnsupportedError(`${name}: Nanotron's configs know no dtype like ${dtype}`, false);
      const metadata = sharding === undefined ? {} : { version, ...printSharding(sharding) };
      const { bytes, tensors, fileByteLength } = encodeHeader([{ name: TENSOR_NAME, dtype, shape }], metadata);
      const tp = tensorRank(slot, arrangement.tp);
      const rank = tp === undefined ? undefined : { pp: ranks.get(name) ?? 0, ppSize: arrangement.pp, tp, tpSize: arrangement.tp };
      return {
        path: filePath({ parameter: name, rank }),
        byteLength: fileByteLength,
        header: bytes,
        tensors: tensors.map((tensor) => ({ ...tensor, key })),
      };
    });
  }

  remarks(files: readonly TargetFile[], slots: readonly Slot[]): string[] {
    const kept = new Set(slots.filter(({ dtype }) => dtype !== undefined).map(({ key }) => key));
    return castOnLoad("Nanotron", files, (key) => kept.has(key));
  }

  documents({ architecture, arrangement, settings, version, files, source, carried, runtimeRoot }: DocumentRequest): TargetDocument[] {
    const base = source.layout === this.name ? source.configText : carried.nanotron;
    const modelConfig = composeModelConfig({ plugin: architecture.plugin, settings, version, base, source: source.configText });
    const runConfig = composeRunConfig({
      modelConfig,
      version,
      topology: arrangement,
      dtype: majorityDtype(files),
      runtimeRoot,
      general: source.run?.general ?? {},
    });
    return [
      { path: "model_config.json", text: printJson(modelConfig) },
      { path: "config.yaml", text: printYaml(runConfig) },
      { path: "checkpoint_metadata.json", text: printJson(composeCheckpointMetadata(version, arrangement.tp, source.run?.progress)) },
    ];
  }
}

/** The config's own word, or the user's where it has none. */
function isInterleaved({ rawConfig, configPath }: Checkpoint, answer: boolean | undefined): boolean {
  const said = rawConfig.rope_interleaved;
  if (said === undefined) {
    if (answer !== undefined) return answer;
    throw new CheckpointError(`${configPath}: rope_interleaved is missing, and both orders of q and k rows were in use`, {
      hint: "say which with --source-rope-interleaved yes|no (before 2024-05, and in the swiss-ai fork, it was yes)",
    });
  }
  if (typeof said !== "boolean") {
    throw new CheckpointError(`${configPath}: rope_interleaved: expected true or false, found ${JSON.stringify(said)}`);
  }
  if (answer !== undefined && said !== answer) {
    throw new UsageError(`${configPath}: rope_interleaved is ${said}, --source-rope-interleaved says otherwise`, {
      hint: "drop the option",
    });
  }
  return said;
}

const blockRanks = (architecture: Architecture, pp: number): number[] => pipelineRanks(pipelineOf(architecture), pp);

/** What Nanotron's placement is computed from. */
export const pipelineOf = ({ blocks, plugin }: Architecture): Pipeline => ({
  costs: blocks.map(({ cost }) => cost),
  parameterless: plugin.parameterless.length,
});

function parameterRanks(architecture: Architecture, pp: number): Map<string, number> {
  const ranks = blockRanks(architecture, pp);
  return new Map(architecture.blocks.flatMap(({ parameters }, block) => parameters.map(({ name }) => [name, ranks[block] ?? 0] as const)));
}

const tensorRank = ({ key, name, sharding }: Slot, tp: number): number | undefined =>
  sharding === undefined ? undefined : Array.from({ length: tp }, (_, rank) => rank).find((rank) => slotKey(name, rank) === key);
