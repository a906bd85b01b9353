import { testArchitecture } from "../../core/testing/architecture-tester.js";
import { published, smallGrouped, smallTied } from "./qwen2-configs.js";

const { config } = smallGrouped;

testArchitecture("qwen2", {
  published: [smallGrouped, smallTied].map((model) => ({ ...model, name: `${model.name}, headers` })),
  small: [smallGrouped, smallTied],
  refused: [
    {
      name: "RoPE scaling, as for long texts",
      config: { ...config, rope_scaling: { type: "yarn", factor: 4, original_max_position_embeddings: 32768 } },
      code: "UNSUPPORTED",
      message: /rope_scaling/,
    },
    { name: "a sliding window", config: { ...config, use_sliding_window: true }, code: "UNSUPPORTED", message: /use_sliding_window/ },
    { name: "a head size of its own", config: { ...config, head_dim: 16 }, code: "UNSUPPORTED", message: /head_dim/ },
    { name: "no first token", config: { ...config, bos_token_id: null }, code: "UNSUPPORTED", message: /bos_token_id/ },
  ],
});

for (const [size, models] of Object.entries(published)) testArchitecture(`qwen2-${size}`, { published: models, small: [smallGrouped] });
