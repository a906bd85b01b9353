// Seeded random numbers: drawn anew each run, and the same again with WEIGHBRIDGE_SEED set to the seed that a run printed.

export const seed = Number(process.env.WEIGHBRIDGE_SEED ?? Math.floor(Math.random() * 2 ** 32)) >>> 0;

/** mulberry32. @returns uniform numbers in [0, 1) */
export function uniform(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Normal numbers with the given deviation. */
export function normal(next: () => number): (deviation: number) => number {
  return (deviation) => deviation * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}
