// What a schema cannot say about a declaration: that its symbols, settings and tensor names exist and fit together.

import { nearestName } from "../suggest.js";
import {
  type BlockDeclaration,
  type DimensionValue,
  type EveryValue,
  fuseAxisOf,
  type LayoutName,
  nanotronTemplate,
  type ParameterDeclaration,
  type Plugin,
  type SourceDeclaration,
  stackOf,
  withinOf,
} from "./declaration.js";
import { isQuotient, parsePattern, parseQuotient, type ShapePattern } from "./shape-pattern.js";

export interface Inconsistency {
  readonly pointer: string;
  readonly message: string;
}

/** @returns every inconsistency, with the JSON pointer of the place */
export function declarationProblems(plugin: Plugin, layouts: readonly LayoutName[]): Inconsistency[] {
  const problems: Inconsistency[] = [];
  const report = (pointer: string, message: string) => problems.push({ pointer, message });
  checkSymbols(plugin, report);
  checkSettingNames(plugin, report);
  checkLayoutNames(plugin, layouts, report);
  plugin.blocks.forEach((block, b) => checkBlock(plugin, block, `/blocks/${b}`, report));
  checkNames(plugin, report);
  return problems;
}

type Report = (pointer: string, message: string) => void;

function unknownName(kind: string, name: string, known: readonly string[]): string {
  const near = nearestName(name, known);
  return `unknown ${kind} ${JSON.stringify(name)}${near === undefined ? `; known: ${known.join(", ")}` : `; did you mean ${JSON.stringify(near)}?`}`;
}

function checkSymbols(plugin: Plugin, report: Report): void {
  const symbols = Object.keys(plugin.dimensions);
  const need = (symbol: string, pointer: string) => {
    if (!symbols.includes(symbol)) report(pointer, unknownName("dimension", symbol, symbols));
  };
  const needQuotient = (text: string, pointer: string) => {
    const { numerator, denominator } = parseQuotient(text);
    need(numerator, pointer);
    if (denominator !== undefined) need(denominator, pointer);
  };
  const needEarlier = (symbol: string, text: string, pointer: string) => {
    const { numerator, denominator } = parseQuotient(text);
    const late = [numerator, denominator].find((used) => used !== undefined && symbols.indexOf(used) >= symbols.indexOf(symbol));
    if (late !== undefined)
      report(pointer, `${JSON.stringify(late)} is not known yet: a quotient may use only dimensions declared before it`);
  };
  for (const [symbol, source] of Object.entries(plugin.dimensions)) {
    if (typeof source === "string" && isQuotient(source)) {
      needQuotient(source, `/dimensions/${symbol}`);
      needEarlier(symbol, source, `/dimensions/${symbol}`);
      continue;
    }
    const setting = typeof source === "string" ? source : source.setting;
    if (!Object.hasOwn(plugin.settings, setting))
      report(`/dimensions/${symbol}`, unknownName("setting", setting, Object.keys(plugin.settings)));
    if (typeof source !== "string" && typeof source.default === "string") {
      needQuotient(source.default, `/dimensions/${symbol}/default`);
      needEarlier(symbol, source.default, `/dimensions/${symbol}/default`);
    }
  }
  for (const [name, { default: value, each }] of Object.entries(plugin.settings)) {
    if (each !== undefined) need(each, `/settings/${name}/each`);
    if (!isDimensionValue(value)) continue;
    if ("all" in value) need(value.all, `/settings/${name}/default/all`);
    else needQuotient(value.dimension, `/settings/${name}/default/dimension`);
  }
  plugin.blocks.forEach(({ repeat, cost = [] }, b) => {
    if (repeat !== undefined) need(repeat.count, `/blocks/${b}/repeat/count`);
    cost.forEach((product, p) =>
      product.forEach((factor, f) => {
        if (typeof factor === "string") need(factor, `/blocks/${b}/cost/${p}/${f}`);
      }),
    );
  });
  plugin.ignore.forEach(({ repeat }, i) => {
    if (repeat !== undefined) need(repeat.count, `/ignore/${i}/repeat/count`);
  });
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const isOtherSetting = (value: unknown): value is { readonly setting: string } => isRecord(value) && "setting" in value;
export const isNearest = (value: unknown): value is { readonly nearest: "integer" } => isRecord(value) && "nearest" in value;
export const isEveryValue = (value: unknown): value is EveryValue => isRecord(value) && "every" in value;

export const isDimensionValue = (value: unknown): value is DimensionValue => isRecord(value) && ("dimension" in value || "all" in value);

function checkSettingNames(plugin: Plugin, report: Report): void {
  const known = Object.keys(plugin.settings);
  const need = (name: string, pointer: string) => {
    if (!known.includes(name)) report(pointer, unknownName("setting", name, known));
  };
  plugin.forward.forEach((name, i) => need(name, `/forward/${i}`));
  for (const name of Object.keys(plugin.identify)) need(name, `/identify/settings/${name}`);
  for (const name of Object.keys(plugin.expect)) need(name, `/expect/${name}`);
  for (const [layout, limits] of Object.entries(plugin.limits)) {
    limits.forEach(({ setting, only }, i) => {
      need(setting, `/limits/${layout}/${i}/setting`);
      if (isOtherSetting(only)) need(only.setting, `/limits/${layout}/${i}/only/setting`);
      if (isEveryValue(only) && plugin.settings[setting]?.every === undefined)
        report(`/limits/${layout}/${i}/only`, `${setting} has no \`every\`: no n says it`);
    });
  }
  for (const [name, { every = {} }] of Object.entries(plugin.settings))
    for (const [layout, setting] of Object.entries(every)) need(setting, `/settings/${name}/every/${layout}`);
}

function checkLayoutNames(plugin: Plugin, layouts: readonly LayoutName[], report: Report): void {
  const need = (name: string, pointer: string) => {
    if (!layouts.includes(name)) report(pointer, unknownName("layout", name, layouts));
  };
  const places = { identify: plugin.markers, constants: plugin.constants, limits: plugin.limits };
  for (const [place, entries] of Object.entries(places)) for (const name of Object.keys(entries)) need(name, `/${place}/${name}`);
  for (const [name, { in: only, as = {}, every = {}, instead_of_null = {} }] of Object.entries(plugin.settings)) {
    if (only !== undefined) need(only, `/settings/${name}/in`);
    for (const [key, byLayout] of Object.entries({ as, every, instead_of_null }))
      for (const layout of Object.keys(byLayout)) need(layout, `/settings/${name}/${key}/${layout}`);
    if ("huggingface" in as) report(`/settings/${name}/as/huggingface`, "a setting is declared as Hugging Face's config has it");
  }
}

function checkBlock(plugin: Plugin, block: BlockDeclaration, at: string, report: Report): void {
  block.parameters.forEach((parameter, p) => {
    const pointer = `${at}/parameters/${p}`;
    const sources = [parameter.huggingface].flat() as SourceDeclaration[];
    const patterns = sources.map((source, s) => checkSource(plugin, source, sourcePointer(parameter, pointer, s), report));
    checkFuse(parameter, sources, patterns, pointer, report);
    checkStack(plugin, parameter, pointer, report);
    if (parameter.parallel === "row" && patterns.some((pattern) => pattern.length < 2))
      report(`${pointer}/parallel`, "row cuts axis 1, which the shape does not have");
    if (parameter.tied !== undefined && !Object.hasOwn(plugin.settings, parameter.tied.when)) {
      report(`${pointer}/tied/when`, unknownName("setting", parameter.tied.when, Object.keys(plugin.settings)));
    }
    if (parameter.tied !== undefined && sources.length > 1) report(`${pointer}/tied`, "a fused parameter cannot be tied");
  });
}

const sourcePointer = (parameter: ParameterDeclaration, at: string, index: number): string =>
  Array.isArray(parameter.huggingface) ? `${at}/huggingface/${index}` : `${at}/huggingface`;

function checkSource(plugin: Plugin, source: SourceDeclaration, pointer: string, report: Report): ShapePattern {
  const pattern = parsePattern(source.shape);
  const symbols = Object.keys(plugin.dimensions);
  for (const symbol of pattern.flat()) {
    if (!symbols.includes(symbol) && !/^\d/.test(symbol)) report(`${pointer}/shape`, unknownName("dimension", symbol, symbols));
  }
  if (source.rotary === true && (pattern[0]?.length ?? 0) < 2)
    report(`${pointer}/rotary`, "needs a first axis of two symbols or more, the last of them the head's size");
  if (source.transpose === true && pattern.length !== 2) report(`${pointer}/transpose`, `needs two axes, found ${pattern.length}`);
  return pattern;
}

function checkFuse(
  parameter: ParameterDeclaration,
  sources: readonly SourceDeclaration[],
  patterns: readonly ShapePattern[],
  at: string,
  report: Report,
): void {
  const axis = fuseAxisOf(parameter);
  if (axis === undefined) {
    const needed = stackOf(parameter) === undefined ? "{ fuse: NAME, axis: N }" : "an axis to be joined along";
    if (sources.length > 1) report(`${at}/nanotron`, `${sources.length} tensors need ${needed}`);
    return;
  }
  const within = withinOf(parameter);
  if (patterns.some((pattern) => axis >= pattern.length)) report(`${at}/nanotron/axis`, `axis ${axis} is not in every shape`);
  const outermost = patterns.map((pattern, s) => pattern[sources[s]?.transpose === true ? pattern.length - 1 - axis : axis]?.[0]);
  if (within !== undefined && outermost.some((symbol) => symbol !== within))
    report(`${at}/nanotron/within`, `expected ${within} to be the outermost symbol of axis ${axis} in every shape`);
  if (stackOf(parameter) !== undefined || parameter.parallel === undefined || (parameter.parallel === "column" && axis === 0)) return;
  report(`${at}/parallel`, "a fused parameter can only be cut along the fused axis, as Nanotron cuts its chunks (column, axis 0)");
}

function checkStack(plugin: Plugin, parameter: ParameterDeclaration, at: string, report: Report): void {
  const each = stackOf(parameter);
  if (each === undefined) return;
  const symbols = Object.keys(plugin.dimensions);
  if (!symbols.includes(each.count)) report(`${at}/nanotron/each/count`, unknownName("dimension", each.count, symbols));
  if (parameter.parallel !== undefined) report(`${at}/parallel`, "a stack cannot be cut: every rank has all of it");
  if (parameter.tied !== undefined) report(`${at}/tied`, "a stack cannot be tied");
}

/** Every tensor is declared once, and its name tells the repetitions apart. */
function checkNames(plugin: Plugin, report: Report): void {
  const seen = new Map<string, string>();
  const claim = (name: string, layout: string, indices: readonly (string | undefined)[], pointer: string) => {
    const earlier = seen.get(`${layout} ${name}`);
    if (earlier !== undefined) report(pointer, `${name} is declared twice, first at ${earlier}`);
    else seen.set(`${layout} ${name}`, pointer);
    const placeholders = [...name.matchAll(/\{([^}]*)\}/g)].map(([, placeholder]) => placeholder);
    for (const index of indices)
      if (index !== undefined && !placeholders.includes(index)) report(pointer, `${name} needs {${index}}: it is repeated`);
    for (const placeholder of placeholders) {
      if (!indices.includes(placeholder)) report(pointer, `{${placeholder}} in ${name} is not the index of what repeats it`);
    }
  };
  plugin.blocks.forEach(({ repeat, parameters }, b) =>
    parameters.forEach((parameter, p) => {
      const at = `/blocks/${b}/parameters/${p}`;
      const each = stackOf(parameter);
      const key = typeof parameter.nanotron === "string" ? "" : each === undefined ? "/fuse" : "/stack";
      claim(nanotronTemplate(parameter), "nanotron", [repeat?.index], `${at}/nanotron${key}`);
      if (each !== undefined && each.index === repeat?.index)
        report(`${at}/nanotron/each/index`, `{${each.index}} is the block's index already`);
      ([parameter.huggingface].flat() as SourceDeclaration[]).forEach((source, s) =>
        claim(source.tensor, "huggingface", [repeat?.index, each?.index], `${sourcePointer(parameter, at, s)}/tensor`),
      );
    }),
  );
  plugin.ignore.forEach(({ tensor, repeat }, i) => claim(tensor, "huggingface", [repeat?.index], `/ignore/${i}/tensor`));
  plugin.blocks.forEach(({ parameters }, b) =>
    parameters.forEach(({ tied }, p) => {
      if (tied !== undefined && !seen.has(`huggingface ${tied.to}`))
        report(`/blocks/${b}/parameters/${p}/tied/to`, `no tensor ${tied.to} is declared`);
    }),
  );
}
