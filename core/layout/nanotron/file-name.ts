// A parameter's path below `model/`, both ways, with the two bad namings that Nanotron of spring 2024 wrote.

export interface FileIdentity {
  /** e.g. `model.decoder.0.pp_block.attn.qkv_proj.weight` */
  readonly parameter: string;
  /** Undefined for a parameter that every rank holds and one saves. */
  readonly rank: { readonly pp: number; readonly ppSize: number; readonly tp: number; readonly tpSize: number } | undefined;
  readonly expert: boolean;
}

const RANKS = String.raw`pp-rank-(\d+)-of-(\d+)_tp-rank-(\d+)-of-(\d+)(_exp-rank-\d+-of-\d+)?\.safetensors`;
const LEAF = "([A-Za-z][A-Za-z0-9_]*?)";
const SHARDED = new RegExp(`^model_${LEAF}_${RANKS}$`);
const DOUBLED = new RegExp(`^model_model_${LEAF}\\.safetensors_${RANKS}$`);
const WHOLE = new RegExp(`^model_${LEAF}\\.safetensors$`);
const BARE = /^(weight|bias)$/;

/**
 * @param folders - the path below `model/`, e.g. `["model", "decoder", "0", "pp_block", "attn", "qkv_proj"]`
 * @returns undefined for a file that is no parameter's
 */
export function parseFileName(folders: readonly string[], fileName: string): FileIdentity | undefined {
  const parameter = (leaf: string) => [...folders, leaf].join(".");
  const sharded = DOUBLED.exec(fileName) ?? SHARDED.exec(fileName);
  if (sharded !== null) {
    const [, leaf = "", pp, ppSize, tp, tpSize, expert] = sharded;
    const rank = { pp: Number(pp), ppSize: Number(ppSize), tp: Number(tp), tpSize: Number(tpSize) };
    return { parameter: parameter(leaf), rank, expert: expert !== undefined };
  }
  const leaf = WHOLE.exec(fileName)?.[1] ?? BARE.exec(fileName)?.[1];
  return leaf === undefined ? undefined : { parameter: parameter(leaf), rank: undefined, expert: false };
}

export function filePath({ parameter, rank }: Omit<FileIdentity, "expert">): string {
  const parts = parameter.split(".");
  const leaf = parts.pop() ?? "";
  const suffix = rank === undefined ? "" : `_pp-rank-${rank.pp}-of-${rank.ppSize}_tp-rank-${rank.tp}-of-${rank.tpSize}`;
  return `model/${parts.join("/")}/model_${leaf}${suffix}.safetensors`;
}

/** What a layout finds a stored tensor by; pipeline ranks do not tell tensors apart. */
export const slotKey = (parameter: string, tpRank: number | undefined): string =>
  tpRank === undefined ? parameter : `${parameter}@tp${tpRank}`;
