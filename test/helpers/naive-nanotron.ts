// What a Nanotron rank's file must hold, computed row by row from the Hugging Face tensors and the format's rules alone:
// the outside check of plans, with nothing of core in it.

export interface NaiveModel {
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly ffn: number;
  readonly vocab: number;
  readonly layers: number;
  readonly tied: boolean;
}

/** A matrix as its rows, each a row's bytes. */
type Rows = readonly Uint8Array[];

export const rowsOf = (bytes: Uint8Array, rows: number): Rows => {
  const length = bytes.byteLength / rows;
  return Array.from({ length: rows }, (_, row) => bytes.subarray(row * length, (row + 1) * length));
};

const part = <T>(all: readonly T[], rank: number, tp: number): readonly T[] =>
  all.slice((rank * all.length) / tp, ((rank + 1) * all.length) / tp);

/** Pair p of half h moves from p + h·d/2 to 2p + h, in each head. */
function interleaved(rows: Rows, headDim: number): Rows {
  const out = [...rows];
  rows.forEach((row, at) => {
    const within = at % headDim;
    const [half, pair] = within < headDim / 2 ? [0, within] : [1, within - headDim / 2];
    out[at - within + 2 * pair + half] = row;
  });
  return out;
}

const columnsOf = (rows: Rows, rank: number, tp: number): Rows =>
  rows.map((row) => row.subarray((rank * row.byteLength) / tp, ((rank + 1) * row.byteLength) / tp));

const join = (rows: Rows): Buffer => Buffer.concat(rows.map((row) => Buffer.from(row)));

/**
 * Each parameter's bytes by name and rank (`name@0`), or by name alone for one that is not sharded.
 *
 * @param tensor - a Hugging Face tensor's bytes
 */
export function naiveNanotron(
  model: NaiveModel,
  tensor: (name: string) => Uint8Array,
  tp: number,
  isInterleaved: boolean,
): Map<string, Buffer> {
  const { hidden, heads, kvHeads, headDim, ffn, vocab, layers, tied } = model;
  const files = new Map<string, Buffer>();
  const rotary = (name: string, count: number) => {
    const rows = rowsOf(tensor(name), count * headDim);
    return isInterleaved ? interleaved(rows, headDim) : rows;
  };
  for (let rank = 0; rank < tp; rank++) {
    const rowsPart = (name: string, rows: number) => part(rowsOf(tensor(name), rows), rank, tp);
    files.set(`token_position_embeddings.pp_block.token_embedding.weight@${rank}`, join(rowsPart("model.embed_tokens.weight", vocab)));
    if (!tied) files.set(`lm_head.pp_block.weight@${rank}`, join(rowsPart("lm_head.weight", vocab)));
    for (let layer = 0; layer < layers; layer++) {
      const [from, to] = [`model.layers.${layer}`, `decoder.${layer}.pp_block`];
      const q = part(rotary(`${from}.self_attn.q_proj.weight`, heads), rank, tp);
      const k = part(rotary(`${from}.self_attn.k_proj.weight`, kvHeads), rank, tp);
      const v = rowsPart(`${from}.self_attn.v_proj.weight`, kvHeads * headDim);
      files.set(`${to}.attn.qkv_proj.weight@${rank}`, join([...q, ...k, ...v]));
      files.set(`${to}.attn.o_proj.weight@${rank}`, join(columnsOf(rowsOf(tensor(`${from}.self_attn.o_proj.weight`), hidden), rank, tp)));
      const gate = rowsPart(`${from}.mlp.gate_proj.weight`, ffn);
      files.set(`${to}.mlp.gate_up_proj.weight@${rank}`, join([...gate, ...rowsPart(`${from}.mlp.up_proj.weight`, ffn)]));
      files.set(`${to}.mlp.down_proj.weight@${rank}`, join(columnsOf(rowsOf(tensor(`${from}.mlp.down_proj.weight`), hidden), rank, tp)));
    }
  }
  for (let layer = 0; layer < layers; layer++) {
    for (const norm of ["input_layernorm", "post_attention_layernorm"]) {
      files.set(`decoder.${layer}.pp_block.${norm}.weight`, Buffer.from(tensor(`model.layers.${layer}.${norm}.weight`)));
    }
  }
  files.set("final_layer_norm.pp_block.weight", Buffer.from(tensor("model.norm.weight")));
  return files;
}
