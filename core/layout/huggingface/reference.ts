// Hugging Face's arrangement element by element, for the proof: every component is a tensor of its own, as it is.

import type { Architecture } from "../../architecture/architecture.js";
import type { ReferenceMap } from "../../plan/transforms.js";

export function huggingFaceReference({ components }: Architecture): ReferenceMap {
  const byName = new Map(components.map(({ name }, component) => [name, component]));
  return {
    locate: ({ component, index }) => ({ key: components[component]?.name ?? "", index }),
    identify({ key, index }) {
      const component = byName.get(key);
      return component === undefined ? undefined : { component, index };
    },
  };
}
