// What a layout is: how a framework keeps a checkpoint. The engine knows layouts only through these types.

import type { Architecture } from "../architecture/architecture.js";
import type { LayoutName, Plugin, Values } from "../architecture/declaration.js";
import type { Settings } from "../architecture/settings.js";
import type { JsonObject } from "../format/json.js";
import type { SafetensorsHeader } from "../format/safetensors.js";
import type { ReferenceMap } from "../plan/transforms.js";
import type { Store } from "../store/store.js";
import type { DType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import type { Sharding } from "./sharding.js";

export interface Topology {
  readonly tp: number;
  readonly pp: number;
}

/** What of a layout's arrangement a checkpoint may vary in. Hugging Face has one rank and never interleaves. */
export interface Arrangement extends Topology {
  readonly ropeInterleaved: boolean;
}

/** What a user may ask of an arrangement. */
export type ArrangementRequest = { readonly [Key in keyof Arrangement]?: Arrangement[Key] | undefined };

/**
 * One factored axis of a component inside a slot: indices [start, start + size) of the axis, `stride` elements apart.
 */
export interface AxisRange {
  readonly start: number;
  readonly size: number;
  readonly stride: number;
}

/** A box of a component's elements inside a slot. Axes are the component's factored axes, rotary heads split in [half, pair]. */
export interface Piece {
  readonly component: number; // index into the architecture's components
  readonly offset: number; // of the box's first element in the slot, in elements
  readonly axes: readonly AxisRange[];
}

/** A tensor that a layout stores: one entry of one safetensors file. */
export interface Slot {
  /** Unique within a checkpoint; what a layout finds the stored tensor by. */
  readonly key: string;
  /** The parameter's or tensor's name as its framework says it. */
  readonly name: string;
  readonly shape: Shape;
  readonly pieces: readonly Piece[];
  /** For a part of a sharded parameter: the whole, and which of its rows and columns are here. */
  readonly sharding?: Sharding;
  /** What the framework keeps it in whatever the model's dtype. */
  readonly dtype?: DType;
}

/** A safetensors file of an open checkpoint. */
export interface CheckpointFile {
  readonly path: string;
  readonly byteLength: number;
  readonly header: SafetensorsHeader;
}

/** A tensor as found on disk; the range is half-open, in bytes of its file. */
export interface StoredTensor {
  readonly key: string;
  readonly name: string;
  readonly file: number; // index into the checkpoint's files
  readonly dtype: DType;
  readonly shape: Shape;
  readonly byteStart: number;
  readonly byteEnd: number;
  /** The tensor-parallel rank whose part it is; none for a tensor that is not sharded. */
  readonly rank?: number;
  readonly sharding?: Sharding;
}

/** Something a person should know about a checkpoint, though it can be read. */
export interface Problem {
  readonly code: string;
  readonly message: string;
}

/** A checkpoint of which everything but the weights has been read. */
export interface Checkpoint {
  readonly layout: LayoutName;
  /** The layout whose config keys `rawConfig` uses: by its markers a plugin claims the checkpoint. */
  readonly configStyle: LayoutName;
  /** The folder that holds the files; for a Nanotron run, the step's. */
  readonly root: string;
  readonly configPath: string;
  /** The config file's own values, plain numbers. */
  readonly rawConfig: Values;
  /** The config file's text; what Weighbridge merely carries is taken from it. */
  readonly configText: string;
  readonly topology: Topology;
  /** Nanotron's checkpoint version; undefined for Hugging Face. */
  readonly version: string | undefined;
  readonly files: readonly CheckpointFile[];
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Paths, relative to the root, of files that travel byte for byte. */
  readonly sideFiles: readonly string[];
  readonly problems: readonly Problem[];
  /** Of a Nanotron checkpoint: what a new one of the same run keeps. */
  readonly run?: Run;
}

/** `general` of config.yaml and `metas` of checkpoint_metadata.json. */
export interface Run {
  readonly general: JsonObject;
  readonly progress: JsonObject | undefined;
}

/** Texts of config files as earlier conversions met them, from the folder's receipt: what a config cannot hold is kept in them. */
export type Carried = Readonly<Partial<Record<LayoutName, string>>>;

/** A file to be written: its header, and where its tensors lie. */
export interface TargetFile {
  readonly path: string; // relative to the checkpoint's root
  readonly byteLength: number;
  readonly header: Uint8Array<ArrayBuffer>;
  readonly tensors: readonly {
    readonly key: string;
    readonly name: string;
    readonly dtype: DType;
    readonly shape: Shape;
    readonly byteStart: number;
    readonly byteEnd: number;
  }[];
}

/** A small text file to be written. */
export interface TargetDocument {
  readonly path: string;
  readonly text: string;
}

export interface TargetRequest {
  readonly architecture: Architecture;
  readonly arrangement: Arrangement;
  readonly slots: readonly Slot[];
  /** By the slot's key. */
  readonly dtypes: ReadonlyMap<string, DType>;
  /** Nanotron's checkpoint version to write. */
  readonly version: NanotronVersion;
  /** Bytes of tensors that a Hugging Face shard holds at most; a larger tensor gets a shard of its own. */
  readonly maxShardBytes: number;
}

export type NanotronVersion = "1.4" | "1.5";

export interface DocumentRequest {
  readonly architecture: Architecture;
  readonly arrangement: Arrangement;
  readonly version: NanotronVersion;
  readonly files: readonly TargetFile[];
  readonly source: Checkpoint;
  /** The settings to write; a layout leaves out what its framework does not know. */
  readonly settings: Settings;
  readonly carried: Carried;
  /** The folder's absolute path as the framework will see it. */
  readonly runtimeRoot: string;
}

export interface Layout {
  readonly name: LayoutName;
  /** Files and folders beside the weights that no conversion can make again: an optimizer's state, a run's. */
  readonly irreplaceable?: readonly string[];
  /** @returns the folder that holds this layout's checkpoint, which may be inside `root`; undefined when there is none */
  detect(store: Store, root: string): Promise<string | undefined>;
  /**
   * Read config, headers and side files of a checkpoint.
   *
   * @throws {CheckpointError | FormatError} parts are missing, doubled, truncated or contradict each other
   */
  open(store: Store, root: string): Promise<Checkpoint>;
  /** The settings of a config of this layout under their Hugging Face names; absent keys stay absent. */
  readSettings(rawConfig: Values, plugin: Plugin): Values;
  /** Keys of a config that the plugin does not explain, with dots into objects, of a framework that takes each for a setting of the model. */
  unknownKeys?(rawConfig: Values, plugin: Plugin): string[];
  /**
   * How an open checkpoint's tensors are arranged.
   *
   * @param plugin - whose checkpoint it is: a class of models may know one order of rows alone
   * @param ropeInterleaved - the user's answer, for a checkpoint that does not say
   * @throws {CheckpointError | UsageError} it does not say and there is no answer, or the two contradict each other
   */
  arrangementOf(checkpoint: Checkpoint, plugin: Plugin, ropeInterleaved: boolean | undefined): Arrangement;
  /**
   * How a new checkpoint's tensors are to be arranged.
   *
   * @param kept - the source's arrangement when it is of this layout; what is not asked for stays as it is there
   * @throws {UsageError} this layout cannot be arranged so
   */
  chooseArrangement(wanted: ArrangementRequest, kept: Arrangement | undefined): Arrangement;
  /** The pipeline rank of each of the architecture's blocks; a layout without ranks has no such method. */
  pipelineRanks?(architecture: Architecture, topology: Topology): number[];
  /** Every tensor that a checkpoint of this architecture stores, and where each component's elements lie in it. */
  slots(architecture: Architecture, arrangement: Arrangement): Slot[];
  /** The same arrangement element by element, for the proof; it must not be derived from `slots`. */
  reference(architecture: Architecture, arrangement: Arrangement): ReferenceMap;
  /** The safetensors files of a new checkpoint. */
  files(request: TargetRequest): TargetFile[];
  /**
   * What the framework will make of a new checkpoint otherwise than its files say, one line each.
   *
   * @param foreign - keys of tensors that the source's framework keeps in a dtype of its own
   */
  remarks?(files: readonly TargetFile[], slots: readonly Slot[], foreign: ReadonlySet<string>): string[];
  /** The config and index files of a new checkpoint. */
  documents(request: DocumentRequest): TargetDocument[];
}
