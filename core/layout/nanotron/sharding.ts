// The metadata of a sharded file: which part of the whole parameter it holds. Text to values and back.

import { FormatError } from "../../errors.js";
import { parseSizes, printSizes } from "../../format/python.js";
import type { Shape } from "../../tensor/shape.js";
import type { Region, Sharding } from "../sharding.js";

const OPEN = "None,None,None";

/** @see nanotron src/nanotron/serialize/metadata.py at 2411b022, TensorMetadata */
export function printSharding({ axis, unshardedShape, pairs }: Sharding): { unsharded_shape: string; local_global_slices_pairs: string } {
  const print = (region: Region) => region.map(({ start, stop }, at) => (at === axis ? `${start},${stop},None` : OPEN)).join("|");
  const open = (region: Region) => region.map(() => OPEN).join("|");
  return {
    unsharded_shape: printSizes(unshardedShape),
    local_global_slices_pairs: pairs
      .map(({ local, global }) => `${pairs.length === 1 ? open(local) : print(local)}#${print(global)}`)
      .join(";"),
  };
}

/**
 * @param localShape - the file's own tensor
 * @throws {FormatError} not the text that Nanotron writes
 */
export function parseSharding(metadata: Readonly<Record<string, string>>, localShape: Shape, where: string): Sharding {
  const { unsharded_shape: sizes, local_global_slices_pairs: text } = metadata;
  if (sizes === undefined || text === undefined) {
    throw new FormatError(`${where}: a sharded file needs unsharded_shape and local_global_slices_pairs in its metadata`);
  }
  const unshardedShape = parseSizes(sizes, where);
  const pairs = text.split(";").map((pair) => {
    const [local = "", global = "", ...more] = pair.split("#");
    if (more.length > 0) throw new FormatError(`${where}: expected LOCAL#GLOBAL slices, found ${JSON.stringify(pair)}`);
    return { local: parseRegion(local, localShape, where), global: parseRegion(global, unshardedShape, where) };
  });
  const globalText = text.split(";")[0]?.split("#")[1]?.split("|") ?? [];
  return {
    axis: Math.max(
      0,
      globalText.findIndex((slice) => slice !== OPEN),
    ),
    unshardedShape,
    pairs,
  };
}

function parseRegion(text: string, shape: Shape, where: string): Region {
  const region = text.split("|").map((slice, axis) => {
    const match = /^(None|\d+),(None|\d+),(?:None|1)$/.exec(slice.trim());
    if (match === null) throw new FormatError(`${where}: expected start,stop,step, found ${JSON.stringify(slice)}`);
    const [, start = "None", stop = "None"] = match;
    return { start: start === "None" ? 0 : Number(start), stop: stop === "None" ? (shape[axis] ?? 0) : Number(stop) };
  });
  if (region.length !== shape.length) throw new FormatError(`${where}: expected slices of ${shape.length} axes, found ${region.length}`);
  return region;
}
