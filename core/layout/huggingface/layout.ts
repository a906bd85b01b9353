// The Hugging Face layout: config.json, and one safetensors file or shards with an index. One slot per tensor, whole.

import type { Architecture } from "../../architecture/architecture.js";
import type { Plugin, Values } from "../../architecture/declaration.js";
import { CheckpointError, UsageError } from "../../errors.js";
import { isObject, parseObject, plain, printJson } from "../../format/json.js";
import type { ReferenceMap } from "../../plan/transforms.js";
import type { Store } from "../../store/store.js";
import { readText } from "../../store/text.js";
import { castOnLoad } from "../cast-on-load.js";
import { majorityDtype } from "../dtypes.js";
import { readHeaders } from "../headers.js";
import type {
  Arrangement,
  ArrangementRequest,
  Checkpoint,
  CheckpointFile,
  DocumentRequest,
  Layout,
  Problem,
  Slot,
  StoredTensor,
  TargetDocument,
  TargetFile,
  TargetRequest,
} from "../layout.js";
import { placePiece } from "../place.js";
import { RECEIPT_NAME } from "../receipt-name.js";
import { findSideFiles } from "../side-files.js";
import { composeConfig, dtypeProblems, settingsOf, styleProblems } from "./config.js";
import { huggingFaceReference } from "./reference.js";
import { indexDocument, shardFiles } from "./shards.js";

const CONFIG = "config.json";
const INDEX = "model.safetensors.index.json";
const SINGLE = "model.safetensors";
/** What transformers' Trainer keeps beside the model. */
const TRAINER_FILES = ["optimizer.pt", "optimizer.bin", "scheduler.pt", "rng_state.pth", "trainer_state.json"];
const WHOLE: Arrangement = { tp: 1, pp: 1, ropeInterleaved: false };

export class HuggingFaceLayout implements Layout {
  readonly name = "huggingface";
  readonly irreplaceable = TRAINER_FILES;

  async detect(store: Store, root: string): Promise<string | undefined> {
    return (await store.status(`${root}/${CONFIG}`))?.kind === "file" ? root : undefined;
  }

  async open(store: Store, root: string): Promise<Checkpoint> {
    const names = await store.list(root);
    const configPath = `${root}/${CONFIG}`;
    const configText = await readText(store, configPath);
    const rawConfig = plain(parseObject(configText, configPath)) as Values;
    const weights = await findWeights(store, root, names);
    const files = await readHeaders(
      store,
      weights.names.map((name) => `${root}/${name}`),
    );
    const tensors = collectTensors(files);
    const known = new Set([CONFIG, INDEX, RECEIPT_NAME, ...weights.names]);
    const side = await findSideFiles(
      store,
      root,
      names.filter((name) => !isStale(name, known)),
      known,
    );
    const problems: Problem[] = [
      ...styleProblems(rawConfig),
      ...dtypeProblems(rawConfig, files),
      ...staleFiles(names, known),
      ...(weights.index === undefined ? [] : checkIndex(weights.index, files, root)),
      ...formatProblems(files),
      ...side.problems,
    ];
    const topology = { tp: 1, pp: 1 };
    return {
      layout: this.name,
      configStyle: this.name,
      root,
      configPath,
      rawConfig,
      configText,
      topology,
      version: undefined,
      files,
      tensors,
      sideFiles: side.sideFiles,
      problems,
    };
  }

  readSettings(rawConfig: Values, plugin: Plugin): Values {
    return settingsOf(rawConfig, plugin);
  }

  arrangementOf({ root }: Checkpoint, _plugin: Plugin, answer: boolean | undefined): Arrangement {
    if (answer !== undefined)
      throw new UsageError(`${root}: --source-rope-interleaved says nothing about a Hugging Face checkpoint`, { hint: "drop it" });
    return WHOLE;
  }

  chooseArrangement({ tp = 1, pp = 1, ropeInterleaved = false }: ArrangementRequest): Arrangement {
    if (tp !== 1 || pp !== 1) throw new UsageError("a Hugging Face checkpoint has no ranks", { hint: "drop --tp and --pp" });
    if (ropeInterleaved)
      throw new UsageError("Hugging Face knows one order of q and k rows, half-split", { hint: "drop --rope-interleaved" });
    return WHOLE;
  }

  slots({ components }: Architecture): Slot[] {
    return components.map((component, componentIndex) => {
      const { name, shape } = component;
      const piece = placePiece({ component, componentIndex, cut: undefined, shape, at: undefined, interleaved: false, transpose: false });
      return { key: name, name, shape, pieces: [piece] };
    });
  }

  reference(architecture: Architecture): ReferenceMap {
    return huggingFaceReference(architecture);
  }

  files(request: TargetRequest): TargetFile[] {
    return shardFiles(request);
  }

  /** Of its own tensors it says nothing: transformers may have written them so. */
  remarks(files: readonly TargetFile[], _: readonly Slot[], foreign: ReadonlySet<string>): string[] {
    return castOnLoad("transformers", files, (key) => !foreign.has(key));
  }

  documents(request: DocumentRequest): TargetDocument[] {
    const { architecture, settings, source, carried, files } = request;
    const isSource = source.layout === this.name;
    const config = composeConfig({
      plugin: architecture.plugin,
      settings,
      dimensions: architecture.configuration.dimensions,
      dtype: majorityDtype(files),
      base: isSource ? source.configText : carried.huggingface,
      source: source.configText,
      baseIsSource: isSource,
    });
    const documents = [{ path: CONFIG, text: printJson(config) }];
    if (files.length > 1) documents.push({ path: INDEX, text: printJson(indexDocument(files)) });
    return documents;
  }
}

interface Weights {
  readonly names: readonly string[];
  readonly index: { readonly weightMap: ReadonlyMap<string, string>; readonly totalSize: unknown } | undefined;
}

async function findWeights(store: Store, root: string, names: readonly string[]): Promise<Weights> {
  const hasIndex = names.includes(INDEX);
  const hasSingle = names.includes(SINGLE);
  if (hasIndex && hasSingle) {
    throw new CheckpointError(`${root}: holds both ${SINGLE} and ${INDEX}`, {
      hint: "transformers reads only the first; remove the stale one",
    });
  }
  if (hasSingle) return { names: [SINGLE], index: undefined };
  if (!hasIndex) throw new CheckpointError(`${root}: no weights: expected ${SINGLE} or ${INDEX}`, { hint: hintFor(names) });
  const document = parseObject(await readText(store, `${root}/${INDEX}`), `${root}/${INDEX}`);
  const { weight_map: map, metadata } = document;
  const entries = isObject(map) ? Object.entries(map) : [];
  const broken = entries.find(([, file]) => typeof file !== "string" || /[/\\]|^\.|^$/.test(file));
  if (entries.length === 0 || broken !== undefined) {
    const what =
      broken === undefined ? "weight_map is missing or empty" : `weight_map: ${broken[0]}: ${JSON.stringify(broken[1])} is no file name`;
    throw new CheckpointError(`${root}/${INDEX}: ${what}`);
  }
  const weightMap = new Map(entries as [string, string][]);
  const files = [...new Set(weightMap.values())].sort();
  const missing = files.filter((file) => !names.includes(file));
  if (missing.length > 0) {
    throw new CheckpointError(
      `${root}: ${INDEX} names ${files.length} files, ${missing.length} of them missing: ${missing.slice(0, 3).join(", ")}${missing.length > 3 ? ", …" : ""}`,
      {
        hint: "the download is incomplete; fetch the missing files",
      },
    );
  }
  return { names: files, index: { weightMap, totalSize: plain(isObject(metadata) ? (metadata.total_size ?? null) : null) } };
}

function hintFor(names: readonly string[]): string {
  if (names.some((name) => /^pytorch_model.*\.bin$/.test(name)))
    return "the weights are PyTorch pickles; save the model again with safe_serialization=True";
  const shard = names.find((name) => /^model-\d+-of-\d+\.safetensors$/.test(name));
  return shard === undefined ? "is this the right folder?" : `there are shards but no ${INDEX}; fetch it`;
}

function collectTensors(files: readonly CheckpointFile[]): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  files.forEach(({ path, header }, file) => {
    for (const { name, dtype, shape, byteStart, byteEnd } of header.tensors) {
      const earlier = tensors.get(name);
      if (earlier !== undefined)
        throw new CheckpointError(`${name} is stored twice: in ${files[earlier.file]?.path} and in ${path}`, {
          hint: "remove the stale file",
        });
      tensors.set(name, { key: name, name, file, dtype, shape, byteStart, byteEnd });
    }
  });
  return tensors;
}

/** The index must say of each tensor where it is; total_size is only told about, as old tools wrote it wrongly. */
function checkIndex({ weightMap, totalSize }: NonNullable<Weights["index"]>, files: readonly CheckpointFile[], root: string): Problem[] {
  let byteLength = 0;
  const found = new Set<string>();
  for (const { path, header } of files) {
    for (const { name, byteStart, byteEnd } of header.tensors) {
      const named = weightMap.get(name);
      if (named === undefined || `${root}/${named}` !== path) {
        throw new CheckpointError(`${root}/${INDEX}: ${name}: expected in ${named ?? "no file"}, found in ${path}`, {
          hint: "index and shards are of different checkpoints",
        });
      }
      byteLength += byteEnd - byteStart;
      found.add(name);
    }
  }
  const missing = [...weightMap.keys()].find((name) => !found.has(name));
  if (missing !== undefined)
    throw new CheckpointError(`${root}/${INDEX}: ${missing}: expected in ${weightMap.get(missing)}, found in no file`, {
      hint: "index and shards are of different checkpoints",
    });
  if (totalSize === null || totalSize === byteLength) return [];
  return [{ code: "INDEX_TOTAL_SIZE", message: `${INDEX} says ${totalSize} bytes of tensors, the files hold ${byteLength}` }];
}

const isStale = (name: string, known: ReadonlySet<string>): boolean => name.endsWith(".safetensors") && !known.has(name);

function staleFiles(names: readonly string[], known: ReadonlySet<string>): Problem[] {
  const stale = names.filter((name) => isStale(name, known));
  return stale.length === 0
    ? []
    : [{ code: "UNUSED_WEIGHTS", message: `weight files that no index names are not read: ${stale.join(", ")}` }];
}

function formatProblems(files: readonly CheckpointFile[]): Problem[] {
  const without = files.filter(({ header }) => header.metadata?.format !== "pt").length;
  return without === 0
    ? []
    : [
        {
          code: "NO_FORMAT",
          message: `${without} of ${files.length} weight files lack the metadata {"format": "pt"}, which older transformers insist on`,
        },
      ];
}
