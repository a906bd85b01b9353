// What a plugin maps to what, for comparing two plugins by meaning: not by their text, nor by the order of their entries.

import { expand } from "../../core/architecture/architecture.js";
import {
  fuseAxisOf,
  nanotronTemplate,
  type Plugin,
  type SourceDeclaration,
  stackOf,
  type Values,
} from "../../core/architecture/declaration.js";
import { configure } from "../../core/architecture/settings.js";
import { parsePattern } from "../../core/architecture/shape-pattern.js";
import { HuggingFaceLayout } from "../../core/layout/huggingface/layout.js";
import { NanotronLayout } from "../../core/layout/nanotron/layout.js";

const byKey = <T>(entries: readonly (readonly [string, T])[]): [string, T][] =>
  [...entries].map(([key, value]): [string, T] => [key, value]).sort(([a], [b]) => (a < b ? -1 : 1));

const sourceOf = ({ tensor, shape, rotary = false, transpose = false }: SourceDeclaration) => ({
  tensor,
  shape: parsePattern(shape),
  rotary,
  transpose,
});

/** The declared rules: blocks in their order, parameters by name, what they are made of in the order in which it is joined. */
export const mappingOf = ({ blocks }: Plugin) =>
  blocks.map(({ name, repeat, cost = [], parameters }) => ({
    name,
    repeat: repeat?.count,
    cost,
    parameters: byKey(
      parameters.map((parameter) => {
        const { parallel, tied, huggingface } = parameter;
        const stack = stackOf(parameter);
        const sources = ([huggingface].flat() as SourceDeclaration[]).map(sourceOf);
        return [
          nanotronTemplate(parameter),
          { axis: fuseAxisOf(parameter), ...(stack === undefined ? {} : { stack }), parallel, tied, sources },
        ] as const;
      }),
    ),
  }));

/** Where every element of a model of this config lies in Nanotron's tensors: tensor by tensor, with strides. */
export function placesOf(plugin: Plugin, config: Values, arrangement: { tp: number; ropeInterleaved: boolean }) {
  const settings = new HuggingFaceLayout().readSettings(config, plugin);
  const architecture = expand(plugin, configure(plugin, settings, "huggingface", "config.json"));
  const nameOf = (component: number) => architecture.components[component]?.name;
  const slots = new NanotronLayout().slots(architecture, { pp: 1, ...arrangement });
  return byKey(
    slots.map(({ key, shape, pieces, sharding }) => {
      const parts = pieces.map(({ component, offset, axes }) => ({ tensor: nameOf(component), offset, axes }));
      return [key, { shape, sharding, parts }] as const;
    }),
  );
}
