// The largest elements of a row: one, or k of them without sorting a whole vocabulary.

import type { Candidate } from "../../executor.js";
import { logSumExp } from "./distance.js";

/** The first of a row's largest elements; NaN is never the largest. */
export function argmaxRow(row: Float32Array): number {
  let best = 0;
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < row.length; i++) {
    if ((row[i] as number) > largest) {
      largest = row[i] as number;
      best = i;
    }
  }
  return best;
}

/** The k largest of a row, largest first, equals by token, NaN last. */
export function topKRow(row: Float32Array, k: number): Candidate[] {
  // A heap whose root is the worst kept: most tokens are turned away by one comparison.
  const heap = new Uint32Array(k);
  const worse = (a: number, b: number) => isWorse(row, a, b);
  for (let token = 0; token < k; token++) {
    heap[token] = token;
    siftUp(heap, token, worse);
  }
  for (let token = k; token < row.length; token++) {
    if (!worse(heap[0] as number, token)) continue;
    heap[0] = token;
    siftDown(heap, worse);
  }
  const total = logSumExp(row);
  const found = Array.from(heap).sort((a, b) => (worse(a, b) ? 1 : -1));
  return found.map((token) => ({ token, logit: row[token] as number, probability: Math.exp((row[token] as number) - total) }));
}

function isWorse(row: Float32Array, a: number, b: number): boolean {
  const [left, right] = [row[a] as number, row[b] as number];
  if (left < right) return true;
  if (left > right) return false;
  const [leftNaN, rightNaN] = [Number.isNaN(left), Number.isNaN(right)];
  return leftNaN === rightNaN ? a > b : leftNaN;
}

type Worse = (a: number, b: number) => boolean;

function siftUp(heap: Uint32Array, from: number, worse: Worse): void {
  for (let at = from; at > 0; ) {
    const parent = (at - 1) >> 1;
    if (!worse(heap[at] as number, heap[parent] as number)) return;
    swap(heap, at, parent);
    at = parent;
  }
}

function siftDown(heap: Uint32Array, worse: Worse): void {
  for (let at = 0; ; ) {
    let worst = at;
    for (const child of [2 * at + 1, 2 * at + 2]) {
      if (child < heap.length && worse(heap[child] as number, heap[worst] as number)) worst = child;
    }
    if (worst === at) return;
    swap(heap, at, worst);
    at = worst;
  }
}

function swap(heap: Uint32Array, a: number, b: number): void {
  const kept = heap[a] as number;
  heap[a] = heap[b] as number;
  heap[b] = kept;
}
