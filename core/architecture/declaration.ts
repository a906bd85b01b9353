// A plugin's declaration, as plugin.schema.json describes it, after its family's part has been filled in.

import type { DType } from "../tensor/dtype.js";
import { isQuotient, parseQuotient } from "./shape-pattern.js";

export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value };
export type Values = Readonly<Record<string, Value>>;
/** A layout's name in the registry. `huggingface` and `nanotron` are built in; a program can add others. */
export type LayoutName = string;
export type ByLayout<T> = Readonly<Record<LayoutName, T>>;

/** `{ dimension: "hidden / heads" }`: a symbol, or one divided by another. `{ all: "layers" }`: the list 0, 1, … of so many. */
export type DimensionValue = { readonly dimension: string } | { readonly all: string };

/** `{ every: n }`: 0 at every n-th entry of a list, n dividing their number, or at none. */
export interface EveryValue {
  readonly every: "n";
}

export interface SettingDeclaration {
  readonly type: "integer" | "float" | "boolean" | "string" | "token" | "indices" | "list" | "object" | "any";
  readonly default?: Value | DimensionValue;
  readonly in?: LayoutName;
  /** What a layout's config has otherwise than Hugging Face's. */
  readonly as?: ByLayout<Partial<SettingForm>>;
  readonly since?: "1.5";
  readonly optional?: boolean;
  /** Zero and less are refused. */
  readonly positive?: boolean;
  /** Null is a value of its own; otherwise it counts as absent. */
  readonly nullable?: boolean;
  /** Of a list: the dimension that it has an entry for each of. A default that is no list stands for every entry. */
  readonly each?: string;
  /** Of a list of 0 and 1: by layout, the setting whose n says that every n-th entry is 0. Without the list it is what that says. */
  readonly every?: ByLayout<string>;
  /** By layout, what its config has in the place of null. */
  readonly instead_of_null?: ByLayout<Value>;
}

/** How a layout's config has a setting. */
export interface SettingForm {
  /** With dots into objects. */
  readonly key: string;
  readonly type: SettingDeclaration["type"];
  /** What its framework takes for an absent key; undefined where the key must be there. */
  readonly default: Value | DimensionValue | undefined;
}

/** `{ setting }`: whatever another setting is; `{ nearest: "integer" }`: the setting's own value, rounded. */
export type RelativeValue = { readonly setting: string } | { readonly nearest: "integer" };

export interface Limit {
  readonly setting: string;
  /** The one value that the framework can express; of a list, that of every entry. */
  readonly only?: Value | DimensionValue | EveryValue | RelativeValue;
  /** A value that it cannot. */
  readonly never?: Value;
  readonly loss: "meaning" | "weights";
  readonly because: string;
}

export interface Repeat {
  readonly index: string;
  readonly count: string;
}

export interface SourceDeclaration {
  readonly tensor: string;
  readonly shape: string;
  readonly rotary?: boolean;
  readonly transpose?: boolean;
}

/** Tensors of equal shape, one for each index, as one with an axis more in front; each is several joined along `axis`, if it is given. */
export interface StackDeclaration {
  readonly stack: string;
  readonly each: Repeat;
  readonly axis?: number;
}

/** `within`: joined anew for each index of the axis' outermost symbol, which all the tensors share. */
export interface FuseDeclaration {
  readonly fuse: string;
  readonly axis: number;
  readonly within?: string;
}

export interface ParameterDeclaration {
  readonly nanotron: string | FuseDeclaration | StackDeclaration;
  /** What Nanotron keeps it in, whatever the model's dtype; the model's own, if not given. */
  readonly dtype?: CastTarget;
  readonly parallel?: "column" | "row";
  readonly tied?: { readonly to: string; readonly when: string };
  readonly huggingface: SourceDeclaration | readonly SourceDeclaration[];
}

export interface BlockDeclaration {
  readonly name: string;
  readonly repeat?: Repeat;
  readonly cost?: readonly (readonly (string | number)[])[];
  readonly parameters: readonly ParameterDeclaration[];
}

export interface IgnoreDeclaration {
  readonly tensor: string;
  readonly repeat?: Repeat;
  readonly because: string;
}

/** What a plugin file itself says; a plugin that extends a family leaves most of it out. */
export interface PluginFile {
  readonly name: string;
  readonly description?: string;
  /** The versions of weighbridge that the plugin is for, as a semver range; any if not given. */
  readonly weighbridge?: string;
  readonly extends?: string;
  readonly identify?: { readonly settings?: Values } & ByLayout<Values>;
  readonly dimensions?: Readonly<Record<string, string | { readonly setting: string; readonly default?: string | number }>>;
  readonly settings?: Readonly<Record<string, SettingDeclaration>>;
  readonly constants?: ByLayout<Values>;
  readonly forward?: readonly string[];
  readonly rope?: { readonly theta?: number; readonly interleaved?: boolean; readonly scaling?: Value };
  readonly expect?: Values;
  readonly limits?: ByLayout<readonly Limit[]>;
  readonly blocks?: readonly BlockDeclaration[];
  readonly parameterless?: readonly string[];
  readonly ignore?: readonly IgnoreDeclaration[];
}

/** A complete plugin. `family` is the root of its `extends` chain: whose forwards run it. */
export interface Plugin {
  readonly name: string;
  readonly description: string;
  readonly family: string;
  readonly origin: string;
  /** Keys of a layout's own config file that mark the family's checkpoints. */
  readonly markers: ByLayout<Values>;
  /** Settings that a checkpoint of this model has; the more, the more specific the plugin. */
  readonly identify: Values;
  readonly dimensions: NonNullable<PluginFile["dimensions"]>;
  readonly settings: Readonly<Record<string, SettingDeclaration>>;
  readonly constants: ByLayout<Values>;
  readonly forward: readonly string[];
  /** Published values by setting; RoPE's are among them. */
  readonly expect: Values;
  readonly limits: ByLayout<readonly Limit[]>;
  readonly blocks: readonly BlockDeclaration[];
  /** Names of the pipeline blocks after these that hold no parameters. */
  readonly parameterless: readonly string[];
  readonly ignore: readonly IgnoreDeclaration[];
}

/** What a conversion may be asked to turn weights into. */
export type CastTarget = Extract<DType, "BF16" | "F16" | "F32">;

export const formOf = (name: string, { as, type, default: fallback }: SettingDeclaration, layout: LayoutName): SettingForm => ({
  key: name,
  type,
  default: fallback,
  ...as?.[layout],
});

/** Whether rows of q and k may be in either order of RoPE: some are rotary, or a config has a word on it. */
export const hasRowOrders = ({ settings, blocks }: Pick<Plugin, "settings" | "blocks">): boolean =>
  settings.rope_interleaved !== undefined ||
  blocks.some(({ parameters }) =>
    parameters.some(({ huggingface }) => ([huggingface].flat() as SourceDeclaration[]).some(({ rotary }) => rotary === true)),
  );

/** The setting that a dimension is read from; of a quotient, the numerator's. */
export function settingOf(dimensions: Plugin["dimensions"], symbol: string): string | undefined {
  const source = dimensions[symbol];
  if (typeof source === "object") return source.setting;
  return source !== undefined && isQuotient(source) ? settingOf(dimensions, parseQuotient(source).numerator) : source;
}

/** JSON pointer of the setting that a dimension is read from. */
export function pointerOf(dimensions: Plugin["dimensions"], symbol: string): string | undefined {
  const setting = settingOf(dimensions, symbol);
  return setting === undefined ? undefined : `/${setting}`;
}

/** The parameter's name in Nanotron, its placeholders as they are. */
export const nanotronTemplate = ({ nanotron }: ParameterDeclaration): string =>
  typeof nanotron === "string" ? nanotron : "stack" in nanotron ? nanotron.stack : nanotron.fuse;

/** The axis along which several tensors are joined, in Nanotron's order of axes and within one of a stack. */
export const fuseAxisOf = ({ nanotron }: ParameterDeclaration): number | undefined =>
  typeof nanotron === "string" ? undefined : nanotron.axis;

/** The symbol for each of whose indices the tensors are joined anew. */
export const withinOf = ({ nanotron }: ParameterDeclaration): string | undefined =>
  typeof nanotron === "object" && "fuse" in nanotron ? nanotron.within : undefined;

/** The repetition that a stack is made of. */
export const stackOf = ({ nanotron }: ParameterDeclaration): Repeat | undefined =>
  typeof nanotron === "object" && "stack" in nanotron ? nanotron.each : undefined;
