// A plugin's declaration, as plugin.schema.json describes it, after its family's part has been filled in.

import type { DType } from "../tensor/dtype.js";
import { isQuotient, parseQuotient } from "./shape-pattern.js";

export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value };
export type Values = Readonly<Record<string, Value>>;
/** A layout's name in the registry. `huggingface` and `nanotron` are built in; a program can add others. */
export type LayoutName = string;
export type ByLayout<T> = Readonly<Record<LayoutName, T>>;

/** `{ dimension: "hidden / heads" }`: a symbol, or one divided by another. */
export interface DimensionValue {
  readonly dimension: string;
}

export interface SettingDeclaration {
  readonly type: "integer" | "float" | "boolean" | "string" | "token" | "object" | "any";
  readonly default?: Value | DimensionValue;
  readonly in?: LayoutName;
  readonly since?: "1.5";
  readonly optional?: boolean;
  /** Zero and less are refused. */
  readonly positive?: boolean;
  /** Null is a value of its own; otherwise it counts as absent. */
  readonly nullable?: boolean;
  /** What a layout's config has otherwise than Hugging Face's. */
  readonly as?: ByLayout<Partial<SettingForm>>;
}

/** How a layout's config has a setting. */
export interface SettingForm {
  readonly key: string;
  readonly type: SettingDeclaration["type"];
  /** What its framework takes for an absent key; undefined where the key must be there. */
  readonly default: Value | DimensionValue | undefined;
}

/** `{ setting }`: whatever another setting is; `{ nearest: "integer" }`: the setting's own value, rounded. */
export type RelativeValue = { readonly setting: string } | { readonly nearest: "integer" };

export interface Limit {
  readonly setting: string;
  /** The one value that the framework can express. */
  readonly only?: Value | DimensionValue | RelativeValue;
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

export interface ParameterDeclaration {
  /** `within`: joined anew for each index of the axis' outermost symbol, which all the tensors share. */
  readonly nanotron: string | { readonly fuse: string; readonly axis: number; readonly within?: string };
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
