import { testArchitecture } from "../../core/testing/architecture-tester.js";
import { smallGrouped, smallMultiHead, smallTied } from "./llama-configs.js";

const { config } = smallGrouped;

testArchitecture("llama", {
  published: [smallGrouped, smallMultiHead, smallTied].map((model) => ({ ...model, name: `${model.name}, headers` })),
  small: [smallGrouped, smallMultiHead, smallTied],
  refused: [
    {
      name: "RoPE scaling",
      config: { ...config, rope_scaling: { rope_type: "linear", factor: 2 } },
      code: "UNSUPPORTED",
      message: /rope_scaling/,
    },
    { name: "a head size of its own", config: { ...config, head_dim: 16 }, code: "UNSUPPORTED", message: /head_dim/ },
    { name: "an attention bias", config: { ...config, attention_bias: true }, code: "UNSUPPORTED", message: /attention_bias/ },
  ],
});
