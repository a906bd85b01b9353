// Reads a Nanotron checkpoint folder: which files there are, what they say of themselves, and whether they fit together.

import type { Values } from "../../architecture/declaration.js";
import { CheckpointError, DeclarationError, FormatError } from "../../errors.js";
import { isObject, type JsonObject, parseObject, plain } from "../../format/json.js";
import { parseYaml } from "../../format/yaml.js";
import type { Store } from "../../store/store.js";
import { readText } from "../../store/text.js";
import { readHeaders } from "../headers.js";
import type { Checkpoint, CheckpointFile, Problem, Run, StoredTensor, Topology } from "../layout.js";
import { RECEIPT_NAME } from "../receipt-name.js";
import { findSideFiles } from "../side-files.js";
import { type FileIdentity, parseFileName, slotKey } from "./file-name.js";
import { parseSharding } from "./sharding.js";

const CONFIG = "model_config.json";
const METADATA = "checkpoint_metadata.json";
const RUN_CONFIG = "config.yaml";
/** What a training run keeps beside the model; a conversion has no use for it. */
export const TRAINING_FOLDERS = ["optimizer", "lr_scheduler", "random"];
/** Nanotron refuses a checkpoint newer than itself; so does Weighbridge. */
const NEWEST_VERSION = "1.5";

/**
 * The checkpoint folder that a path means: the step that `latest.txt` names, if it is there, else the folder itself.
 *
 * @see nanotron, checkpoints.resume_checkpoint_path
 */
export async function resolveRun(store: Store, root: string): Promise<string | undefined> {
  if ((await store.status(`${root}/latest.txt`))?.kind === "file") {
    const step = (await readText(store, `${root}/latest.txt`)).trim();
    if (!/^\d+$/.test(step))
      throw new CheckpointError(`${root}/latest.txt: expected a step's number, found ${JSON.stringify(step.slice(0, 40))}`);
    if ((await store.status(`${root}/${step}/${CONFIG}`))?.kind === "file") return `${root}/${step}`;
  }
  return (await store.status(`${root}/${CONFIG}`))?.kind === "file" ? root : undefined;
}

/** @throws {CheckpointError | FormatError} parts are missing, doubled, truncated, of two topologies or too new */
export async function openNanotron(store: Store, root: string): Promise<Checkpoint> {
  const names = await store.list(root);
  const configPath = `${root}/${CONFIG}`;
  const configText = await readText(store, configPath);
  const rawConfig = plain(parseObject(configText, configPath)) as Values;
  if (!names.includes("model"))
    throw new CheckpointError(`${root}: no weights: expected a folder "model"`, { hint: "is the checkpoint complete?" });
  const found = await walk(store, root, ["model"]);
  const { parameters, strays } = identify(found, root);
  if (parameters.length === 0)
    throw new CheckpointError(`${root}/model: no parameter files found`, { hint: "is the checkpoint complete?" });
  const topology = topologyOf(parameters, root);
  const files = await readHeaders(
    store,
    parameters.map(({ path }) => path),
  );
  const metadata = names.includes(METADATA) ? parseObject(await readText(store, `${root}/${METADATA}`), `${root}/${METADATA}`) : undefined;
  const tensors = collectTensors(files, parameters);
  const version = checkVersions(files, metadata, root);
  const known = new Set([CONFIG, METADATA, RUN_CONFIG, RECEIPT_NAME, ...TRAINING_FOLDERS]);
  const { sideFiles, problems } = await findSideFiles(store, root, names, known);
  const run = await readRunConfig(store, root, names);
  return {
    layout: "nanotron",
    configStyle: "nanotron",
    root,
    configPath,
    rawConfig,
    configText,
    topology,
    version,
    files,
    tensors,
    sideFiles,
    problems: [...metadataProblems(metadata, topology, names), ...run.problems, ...strayProblems(strays), ...problems],
    run: { general: run.general, progress: isObject(metadata?.metas) ? metadata.metas : undefined },
  };
}

async function walk(store: Store, root: string, folders: readonly string[]): Promise<{ folders: readonly string[]; name: string }[]> {
  const path = [root, ...folders].join("/");
  const found: { folders: readonly string[]; name: string }[] = [];
  for (const name of await store.list(path)) {
    const isFolder = !name.includes(".safetensors") && (await store.status(`${path}/${name}`))?.kind === "folder";
    if (isFolder) found.push(...(await walk(store, root, [...folders, name])));
    else found.push({ folders, name });
  }
  return found;
}

interface ParameterFile extends FileIdentity {
  readonly path: string;
}

function identify(
  found: readonly { folders: readonly string[]; name: string }[],
  root: string,
): { parameters: ParameterFile[]; strays: string[] } {
  const parameters: ParameterFile[] = [];
  const strays: string[] = [];
  for (const { folders, name } of found) {
    const path = [root, ...folders, name].join("/");
    const identity = parseFileName(folders.slice(1), name);
    if (identity?.expert === true)
      throw new CheckpointError(`${path}: expert-parallel shards cannot be read yet`, {
        hint: "save the checkpoint with expert_parallel_size 1",
      });
    if (identity !== undefined) parameters.push({ ...identity, path });
    else if (name.endsWith(".safetensors"))
      throw new CheckpointError(`${path}: not a name that Nanotron gives to a parameter`, { hint: "remove the file or restore its name" });
    else strays.push(path);
  }
  return { parameters, strays };
}

/** Nanotron merges whatever shards lie in a folder, so files of a second topology silently become part of the model. */
function topologyOf(parameters: readonly ParameterFile[], root: string): Topology {
  let first: ParameterFile | undefined;
  for (const file of parameters) {
    if (file.rank === undefined) continue;
    first ??= file;
    const { tpSize, ppSize, tp, pp } = file.rank;
    if (tpSize !== first.rank?.tpSize || ppSize !== first.rank.ppSize) {
      throw new CheckpointError(
        `${root}: files of two topologies: ${first.path} (TP ${first.rank?.tpSize}, PP ${first.rank?.ppSize}) and ${file.path} (TP ${tpSize}, PP ${ppSize})`,
        {
          hint: "remove the stale ones; Nanotron would merge them into the model",
        },
      );
    }
    if (tp >= tpSize || pp >= ppSize) throw new CheckpointError(`${file.path}: rank numbers start at 0 and end before the size`);
  }
  return { tp: first?.rank?.tpSize ?? 1, pp: first?.rank?.ppSize ?? 1 };
}

function collectTensors(files: readonly CheckpointFile[], parameters: readonly ParameterFile[]): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  files.forEach(({ path, header }, file) => {
    const [tensor, ...more] = header.tensors;
    if (tensor?.name !== "data" || more.length > 0) {
      throw new FormatError(
        `${path}: expected one tensor named "data", found ${header.tensors.map(({ name }) => JSON.stringify(name)).join(", ") || "none"}`,
      );
    }
    const { parameter, rank } = parameters[file] as ParameterFile;
    const key = slotKey(parameter, rank?.tp);
    const earlier = tensors.get(key);
    if (earlier !== undefined) {
      throw new CheckpointError(`${parameter} is stored twice: in ${files[earlier.file]?.path} and in ${path}`, {
        hint: "remove the stale file; Nanotron would merge both",
      });
    }
    const { dtype, shape, byteStart, byteEnd } = tensor;
    const stored = { key, name: parameter, file, dtype, shape, byteStart, byteEnd };
    tensors.set(
      key,
      rank === undefined ? stored : { ...stored, rank: rank.tp, sharding: parseSharding(header.metadata ?? {}, shape, path) },
    );
  });
  return tensors;
}

function checkVersions(files: readonly CheckpointFile[], metadata: JsonObject | undefined, root: string): string {
  const stated = [
    { path: `${root}/${METADATA}`, version: metadata?.version },
    ...files.map(({ path, header }) => ({ path, version: header.metadata?.version })),
  ];
  let newest = "";
  for (const { path, version } of stated) {
    if (version === undefined) continue;
    if (typeof version !== "string" || !/^\d+\.\d+$/.test(version))
      throw new FormatError(`${path}: version: expected text like "1.4", found ${JSON.stringify(version)}`);
    if (compareVersions(version, NEWEST_VERSION) > 0) {
      throw new CheckpointError(`${path}: version ${version} is newer than the newest known, ${NEWEST_VERSION}`, {
        hint: "update weighbridge",
      });
    }
    if (newest === "" || compareVersions(version, newest) > 0) newest = version;
  }
  return newest || "1.2";
}

function compareVersions(a: string, b: string): number {
  const [[majorA = 0, minorA = 0], [majorB = 0, minorB = 0]] = [a.split(".").map(Number), b.split(".").map(Number)];
  return majorA - majorB || minorA - minorB;
}

function metadataProblems(metadata: JsonObject | undefined, topology: Topology, names: readonly string[]): Problem[] {
  const problems: Problem[] = [];
  if (metadata === undefined)
    problems.push({ code: "NO_METADATA", message: `${METADATA} is missing; Nanotron cannot resume from this folder` });
  else if (plain(metadata.tp ?? null) !== topology.tp) {
    problems.push({
      code: "TOPOLOGY",
      message: `${METADATA} says tp ${JSON.stringify(plain(metadata.tp ?? null))}, the files are of TP ${topology.tp}`,
    });
  }
  if (!names.includes(RUN_CONFIG))
    problems.push({ code: "NO_RUN_CONFIG", message: `${RUN_CONFIG} is missing; Nanotron's generation script needs it` });
  return problems;
}

const strayProblems = (strays: readonly string[]): Problem[] =>
  strays.length === 0
    ? []
    : [
        {
          code: "STRAY_FILES",
          message: `files that are no parameters stay behind: ${strays.slice(0, 3).join(", ")}${strays.length > 3 ? ", …" : ""}`,
        },
      ];

/** Only a run's name and seed are wanted of it: that the rest cannot be read, as tags of Python's own, stops nothing. */
async function readRunConfig(
  store: Store,
  root: string,
  names: readonly string[],
): Promise<{ general: Run["general"]; problems: Problem[] }> {
  if (!names.includes(RUN_CONFIG)) return { general: {}, problems: [] };
  try {
    const { value } = parseYaml(await readText(store, `${root}/${RUN_CONFIG}`), `${root}/${RUN_CONFIG}`);
    return { general: isObject(value) && isObject(value.general) ? value.general : {}, problems: [] };
  } catch (error) {
    if (!(error instanceof DeclarationError)) throw error;
    const message = `${error.message}; the run's project, name and seed are not kept`;
    return { general: {}, problems: [{ code: "RUN_CONFIG", message }] };
  }
}
