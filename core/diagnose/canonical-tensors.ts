// Both sides' tensors, whole, in Hugging Face's order of bytes, whatever their layouts and topologies.

import type { Component } from "../architecture/architecture.js";
import { CancelledError, UnsupportedError } from "../errors.js";
import { gather } from "../lanes/gather.js";
import { lanesOf } from "../lanes/lanes.js";
import { inSpans, readSpans, spanBytes } from "../lanes/span-io.js";
import { tilesOf } from "../lanes/tiles.js";
import { placePiece } from "../layout/place.js";
import { type BoundSlot, compile } from "../plan/compile.js";
import type { Segment } from "../plan/plan.js";
import { OpenFiles } from "../store/open-files.js";
import type { Store } from "../store/store.js";
import { type DType, itemSize } from "../tensor/dtype.js";
import { numElements } from "../tensor/shape.js";
import type { Side } from "./side.js";

/** A tensor in memory; its bytes are row-major. */
export interface CanonicalTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Buffer;
}

/** Of tensors kept for the next hypothesis; those in use come on top. */
const KEPT_BYTES = 512 * 1024 * 1024;

export class CanonicalTensors {
  private readonly files: OpenFiles;
  /** The least recently used first. */
  private readonly kept = new Map<string, CanonicalTensor | undefined>();

  constructor(
    store: Store,
    private readonly a: Side,
    private readonly b: Side,
    private readonly signal?: AbortSignal,
  ) {
    this.files = new OpenFiles(store);
  }

  /** A's tensor in the dtype that B stores it in. @returns undefined when A has not all of it, or a value that the dtype cannot hold */
  async ofA(name: string): Promise<CanonicalTensor | undefined> {
    return this.read("a", name, dtypeIn(this.b, name) ?? dtypeIn(this.a, name));
  }

  /** A's tensor as A stores it. */
  async ofAStored(name: string): Promise<CanonicalTensor | undefined> {
    return this.read("a", name, dtypeIn(this.a, name));
  }

  /** @returns undefined when B has not all of it */
  async ofB(name: string): Promise<CanonicalTensor | undefined> {
    return this.read("b", name, dtypeIn(this.b, name));
  }

  /** What each side stores the tensor in; undefined where it has none of it. Reads nothing. */
  dtypesOf(name: string): { readonly a: DType | undefined; readonly b: DType | undefined } {
    return { a: dtypeIn(this.a, name), b: dtypeIn(this.b, name) };
  }

  /** What B stores of a tensor that its config ties to another, the parts of its ranks one after another: they share rows. */
  async twinOfB(name: string): Promise<Buffer | undefined> {
    const parts = this.b.twins.filter((twin) => twin.name === name).map(({ stored }) => stored);
    if (parts.length === 0) return undefined;
    const bytes: Buffer[] = [];
    for (const { file, byteStart, byteEnd } of parts.sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0))) {
      const part = Buffer.alloc(byteEnd - byteStart);
      await this.files.read(this.b.checkpoint.files[file]?.path ?? "", part, byteStart);
      bytes.push(part);
    }
    return Buffer.concat(bytes);
  }

  close(): Promise<void> {
    return this.files.close();
  }

  private async read(which: "a" | "b", name: string, dtype: DType | undefined): Promise<CanonicalTensor | undefined> {
    if (this.signal?.aborted === true) throw new CancelledError("cancelled while looking for the fault; nothing was written");
    const key = `${which} ${dtype} ${name}`;
    const known = this.kept.get(key);
    const tensor = this.kept.has(key) || dtype === undefined ? known : await this.readAnew(this[which], name, dtype);
    if ((tensor?.bytes.byteLength ?? 0) > KEPT_BYTES) return tensor; // an embedding: who asks for it holds it
    this.kept.delete(key);
    this.kept.set(key, tensor);
    let bytes = [...this.kept.values()].reduce((sum, entry) => sum + (entry?.bytes.byteLength ?? 0), 0);
    for (const [oldest, entry] of this.kept) {
      if (bytes <= KEPT_BYTES) break;
      this.kept.delete(oldest);
      bytes -= entry?.bytes.byteLength ?? 0;
    }
    return tensor;
  }

  private async readAnew(side: Side, name: string, dtype: DType): Promise<CanonicalTensor | undefined> {
    const index = side.architecture.components.findIndex((component) => component.name === name);
    const component = side.architecture.components[index];
    if (component === undefined) return undefined;
    const byteLength = numElements(component.shape) * itemSize(dtype);
    const segments = segmentsOf(side, component, index, dtype);
    if (segments.reduce((sum, segment) => sum + sourceBytes(segment), 0) !== numElements(component.shape) * storedItem(side, name)) {
      return undefined;
    }
    const bytes = Buffer.alloc(byteLength);
    try {
      await this.fill(bytes, segments, side, name);
    } catch (error) {
      if (error instanceof UnsupportedError) return undefined; // a value that the dtype cannot hold
      throw error;
    }
    return { name, dtype, shape: component.shape, bytes };
  }

  private async fill(bytes: Buffer, segments: readonly Segment[], side: Side, name: string): Promise<void> {
    const paths = side.files.map(({ path }) => path);
    for (const lane of lanesOf(segments)) {
      for (const tile of tilesOf(lane)) {
        const from = new Uint8Array(spanBytes(tile.reads));
        await readSpans(this.files, paths, tile.reads, from);
        const into = tile.copies.length === 0 ? from : new Uint8Array(spanBytes(tile.writes));
        if (into !== from) gather(tile, from, into, name);
        await inSpans(tile.writes, into, async ({ byteOffset }, part) => void bytes.set(part, byteOffset));
      }
    }
  }
}

/** From where the side keeps the component to one file that is nothing but the component. */
function segmentsOf({ architecture, files, slots }: Side, component: Component, index: number, dtype: DType): readonly Segment[] {
  const { name, shape } = component;
  const piece = placePiece({
    component,
    componentIndex: index,
    cut: undefined,
    shape,
    at: undefined,
    interleaved: false,
    transpose: false,
  });
  const target: BoundSlot = { slot: { key: name, name, shape, pieces: [piece] }, file: 0, dtype, byteStart: 0 };
  const holders = slots.filter(({ slot }) => slot.pieces.some((held) => held.component === index));
  return compile({ architecture, sources: files, source: holders, targets: [], target: [target], unused: [] }).segments;
}

const sourceBytes = ({ loops, byteLength }: Segment): number => loops.reduce((bytes, { count }) => bytes * count, byteLength);

function holderOf({ architecture, slots }: Side, name: string): BoundSlot | undefined {
  const index = architecture.components.findIndex((component) => component.name === name);
  return slots.find(({ slot }) => slot.pieces.some(({ component }) => component === index));
}

const dtypeIn = (side: Side, name: string): DType | undefined => holderOf(side, name)?.dtype;
const storedItem = (side: Side, name: string): number => itemSize(dtypeIn(side, name) ?? "U8");
