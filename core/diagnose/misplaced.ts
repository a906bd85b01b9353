// F07, F08, F21: whole tensors and layers in the places of others.

import type { Block, Component } from "../architecture/architecture.js";
import { sameShape } from "../tensor/shape.js";
import type { Case } from "./case.js";
import { type Account, CONVERT_AGAIN, type WholeHypothesis } from "./hypothesis.js";
import { componentsOf, isFinalNorm, isNorm, seriesOf } from "./places.js";
import { sameBytes } from "./rows.js";

/** Whether B has under one name what A has under another. */
async function isInPlaceOf({ tensors }: Case, inB: string, inA: string): Promise<boolean> {
  const [b, a] = [await tensors.ofB(inB), await tensors.ofA(inA)];
  return a !== undefined && b !== undefined && a.dtype === b.dtype && sameShape(a.shape, b.shape) && sameBytes(a.bytes, b.bytes);
}

const swappedNorms: WholeHypothesis = {
  fault: "F07",
  name: "input_layernorm and post_attention_layernorm swapped",
  async explains(found) {
    const different = new Set(found.parameters.different);
    const tensors: string[] = [];
    for (const block of found.a.architecture.blocks) {
      const norms = componentsOf(block).filter((component) => isNorm(found.a.architecture, component) && different.has(component.name));
      for (const [at, first] of norms.entries()) {
        for (const second of norms.slice(at + 1)) {
          const isSwapped = (await isInPlaceOf(found, first.name, second.name)) && (await isInPlaceOf(found, second.name, first.name));
          if (isSwapped) tensors.push(first.name, second.name);
        }
      }
    }
    if (tensors.length === 0) return [];
    const statement = "two norms of one layer are in each other's place";
    return [{ statement, fix: `swap them back, or ${CONVERT_AGAIN}`, tensors, settings: [] }];
  },
};

/** Smallest tensors first, so that layers that differ are told apart by little reading. */
const pairsOf = (inB: Block, inA: Block): [Component, Component][] => {
  const others = componentsOf(inA);
  const pairs = componentsOf(inB).flatMap((component, at): [Component, Component][] =>
    others[at] === undefined ? [] : [[component, others[at]]],
  );
  return pairs.sort(([a], [b]) => a.shape.reduce((x, y) => x * y, 1) - b.shape.reduce((x, y) => x * y, 1));
};

async function isBlockInPlaceOf(found: Case, inB: Block, inA: Block): Promise<boolean> {
  for (const [b, a] of pairsOf(inB, inA)) if (!(await isInPlaceOf(found, b.name, a.name))) return false;
  return true;
}

const layers: WholeHypothesis = {
  fault: "F08",
  name: "layers in each other's places",
  async explains(found) {
    const different = new Set(found.parameters.different);
    const accounts: Account[] = [];
    for (const { name, isRepeated, blocks } of seriesOf(found.a.architecture)) {
      if (!isRepeated) continue;
      const moved: string[] = [];
      const tensors: string[] = [];
      for (const [place, block] of blocks.entries()) {
        const names = componentsOf(block).map((component) => component.name);
        if (!names.some((tensor) => different.has(tensor))) continue;
        for (const [origin, other] of blocks.entries()) {
          if (origin === place || !(await isBlockInPlaceOf(found, block, other))) continue;
          moved.push(`${place} holds ${origin}'s`);
          tensors.push(...names.filter((tensor) => different.has(tensor)));
          break;
        }
      }
      if (moved.length === 0) continue;
      const statement = `layers hold other layers' tensors: in ${name}, ${moved.join(", ")}`;
      accounts.push({ statement, fix: `give each layer its own tensors, or ${CONVERT_AGAIN}`, tensors, settings: [] });
    }
    return accounts;
  },
};

const finalNorm: WholeHypothesis = {
  fault: "F21",
  name: "final norm taken from a layer",
  async explains(found) {
    const accounts: Account[] = [];
    for (const name of found.parameters.different.filter((tensor) => isFinalNorm(found.a.architecture, tensor))) {
      for (const origin of found.a.architecture.components.filter(
        (component) => isNorm(found.a.architecture, component) && component.name !== name,
      )) {
        if (!(await isInPlaceOf(found, name, origin.name))) continue;
        const statement = `${name} holds A's ${origin.name}`;
        accounts.push({ statement, fix: `give the final norm its own weights, or ${CONVERT_AGAIN}`, tensors: [name], settings: [] });
        break;
      }
    }
    return accounts;
  },
};

export const misplacedHypotheses: readonly WholeHypothesis[] = [swappedNorms, layers, finalNorm];
