// F02, F03, F18: a config that makes another function of the same weights.

import type { Value } from "../architecture/declaration.js";
import type { Case, SettingDifference } from "./case.js";
import type { Account, Hypothesis } from "./hypothesis.js";

/** Each names settings of transformers' configs; a plugin that has none of them has nothing to explain here. */
function settingFault(
  fault: string,
  name: string,
  settings: readonly string[],
  tell: (difference: SettingDifference, found: Case) => Pick<Account, "statement" | "fix">,
): Hypothesis {
  return {
    fault,
    name,
    explains: async (found) =>
      found.settings
        .filter((difference) => settings.includes(difference.name))
        .map((difference) => ({ ...tell(difference, found), tensors: [], settings: [difference.name] })),
  };
}

const shown = (value: Value): string => JSON.stringify(value);

const setAsInA = ({ name, a }: SettingDifference, { b: { checkpoint } }: Case): string =>
  `set ${name} to ${shown(a)} in ${checkpoint.configPath}, as A takes it`;

export const settingHypotheses: readonly Hypothesis[] = [
  settingFault("F02", "rope_theta differs", ["rope_theta"], (difference, found) => {
    const isDefault = difference.b === found.plugin.settings.rope_theta?.default;
    const left = isDefault ? ", what frameworks take when the config says nothing" : "";
    return {
      statement: `rope_theta is ${shown(difference.a)} in A and ${shown(difference.b)} in B${left}`,
      fix: setAsInA(difference, found),
    };
  }),
  settingFault("F03", "rope scaling dropped or ignored", ["rope_scaling"], (difference, found) => {
    const limit = (found.plugin.limits[found.b.checkpoint.layout] ?? []).find(({ setting }) => setting === "rope_scaling");
    return {
      statement: `rope_scaling is ${shown(difference.a)} as A takes it and ${shown(difference.b)} as B does${limit === undefined ? "" : `: ${limit.because}`}`,
      fix:
        limit === undefined
          ? setAsInA(difference, found)
          : `use the ${found.a.checkpoint.layout} checkpoint: in ${found.b.checkpoint.layout} no config can say it, the weights are not at fault`,
    };
  }),
  settingFault("F18", "norm epsilon or activation differs", ["rms_norm_eps", "norm_epsilon", "hidden_act"], (difference, found) => ({
    statement: `${difference.name} is ${shown(difference.a)} in A and ${shown(difference.b)} in B`,
    fix: setAsInA(difference, found),
  })),
];
