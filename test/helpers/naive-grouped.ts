// Where a row of q, k or v lies in a parameter that is laid out group by group, counted row by row: the outside check of `within`.

export interface Heads {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** A row of one of the three tensors. */
export interface GroupedRow {
  readonly tensor: "q" | "k" | "v";
  readonly row: number;
}

/** A head's rows in the order in which they are stored: p, p + d/2 in turns where RoPE is interleaved. */
const headRows = (headDim: number, isInterleaved: boolean): number[] =>
  Array.from({ length: headDim }, (_, at) => (isInterleaved ? Math.floor(at / 2) + (at % 2) * (headDim / 2) : at));

/** @returns the rows of a rank's tensor, first to last: for each of its key/value heads the queries that use it, it, and its value */
export function groupedRows({ heads, kvHeads, headDim }: Heads, rank: number, tp: number, isInterleaved: boolean): GroupedRow[] {
  const rows: GroupedRow[] = [];
  const addHead = (tensor: GroupedRow["tensor"], head: number, isRotated: boolean) => {
    for (const row of headRows(headDim, isRotated)) rows.push({ tensor, row: head * headDim + row });
  };
  for (let kvHead = (rank * kvHeads) / tp; kvHead < ((rank + 1) * kvHeads) / tp; kvHead++) {
    for (let head = 0; head < heads; head++) if (Math.floor((head * kvHeads) / heads) === kvHead) addHead("q", head, isInterleaved);
    addHead("k", kvHead, isInterleaved);
    addHead("v", kvHead, false);
  }
  return rows;
}
