"""Makes small models with seeded random weights in transformers' own files, and the logits that transformers gives for them.

usage: small-models.py FOLDER [NAME ...]

Of each NAME: FOLDER/NAME (config.json, model.safetensors, bfloat16), FOLDER/NAME-tokens.json (97 ids) and FOLDER/NAME-logits-fp32.npy,
-bf16-sdpa.npy and -bf16-eager.npy: float32 [96, 160], computed on the CPU. Norms, biases and matrices are all drawn wide, so that no part
of a forward can be left out unseen. Runs without a GPU.
"""
import json
import os
import sys

import numpy as np
import torch
import transformers
from safetensors.torch import load_file

SIZES = dict(vocab_size=160, hidden_size=64, num_attention_heads=8, num_key_value_heads=2, max_position_embeddings=512, bos_token_id=1, eos_token_id=2)

# name: configuration class, model class, settings
MODELS = {
    "starcoder2": ("Starcoder2Config", "Starcoder2ForCausalLM", dict(num_hidden_layers=3, intermediate_size=160, use_bias=True, rope_theta=99999.0, norm_epsilon=1e-5, sliding_window=None)),
    "starcoder2-window": ("Starcoder2Config", "Starcoder2ForCausalLM", dict(num_hidden_layers=2, intermediate_size=160, use_bias=True, rope_theta=99999.0, norm_epsilon=1e-5, sliding_window=24)),
    "smollm3": ("SmolLM3Config", "SmolLM3ForCausalLM", dict(num_hidden_layers=6, intermediate_size=160, rope_theta=5000000.0, rms_norm_eps=1e-6, no_rope_layer_interval=3, tie_word_embeddings=True, pad_token_id=0)),
    "qwen2-moe": ("Qwen2MoeConfig", "Qwen2MoeForCausalLM", dict(num_hidden_layers=3, intermediate_size=160, moe_intermediate_size=48, shared_expert_intermediate_size=96, num_experts=8, num_experts_per_tok=3, norm_topk_prob=False, decoder_sparse_step=1, mlp_only_layers=[], rope_theta=1000000.0, rms_norm_eps=1e-6, tie_word_embeddings=False)),
    "qwen2-moe-normalized": ("Qwen2MoeConfig", "Qwen2MoeForCausalLM", dict(num_hidden_layers=2, intermediate_size=160, moe_intermediate_size=48, shared_expert_intermediate_size=96, num_experts=8, num_experts_per_tok=3, norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[], rope_theta=1000000.0, rms_norm_eps=1e-6, tie_word_embeddings=False)),
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM", dict(num_hidden_layers=3, intermediate_size=160, rope_theta=1000000.0, rms_norm_eps=1e-6, tie_word_embeddings=False)),
    "mistral": ("MistralConfig", "MistralForCausalLM", dict(num_hidden_layers=2, intermediate_size=160, rope_theta=10000.0, rms_norm_eps=1e-5, sliding_window=24)),
}


KINDS = {"fp32": (torch.float32, "eager", "cpu"), "bf16-sdpa": (torch.bfloat16, "sdpa", "cpu"), "bf16-eager": (torch.bfloat16, "eager", "cpu")}
if torch.cuda.is_available():
    KINDS["bf16-sdpa-cuda"] = (torch.bfloat16, "sdpa", "cuda")


def draw(model, generator):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
            if parameter.ndim == 1:  # norms about 1, biases about 0
                value = (0.0 if name.endswith("bias") else 1.0) + 0.3 * noise
            elif "embed" in name:
                value = noise
            else:
                value = noise * (1.5 / parameter.shape[-1] ** 0.5)
            parameter.copy_(value)


def make(folder, name):
    configuration, architecture, settings = MODELS[name]
    config = getattr(transformers, configuration)(**SIZES, **settings)
    config.dtype = torch.bfloat16
    model = getattr(transformers, architecture)(config).eval()
    generator = torch.Generator().manual_seed(sum(name.encode()))
    draw(model, generator)
    model = model.to(torch.bfloat16)
    target = os.path.join(folder, name)
    model.save_pretrained(target)
    tokens = torch.randint(0, SIZES["vocab_size"], (97,), generator=generator).tolist()
    with open(target + "-tokens.json", "w") as file:
        json.dump(tokens, file)
    for kind, (dtype, attention, device) in KINDS.items():
        again = getattr(transformers, architecture).from_pretrained(target, dtype=dtype, attn_implementation=attention).eval().to(device)
        with torch.no_grad():
            logits = again(torch.tensor([tokens[:-1]], device=device)).logits[0].float().cpu().numpy()
        np.save(f"{target}-logits-{kind}.npy", logits)
        print(name, kind, "rms", float(np.sqrt(np.mean(logits**2))))
    with open(os.path.join(target, "config.json")) as file:
        print(json.dumps(json.load(file)))
    for key, value in sorted(load_file(os.path.join(target, "model.safetensors")).items()):
        print(" ", key, list(value.shape), value.dtype)


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    for wanted in sys.argv[2:] or MODELS:
        try:
            make(sys.argv[1], wanted)
        except Exception as error:  # noqa: BLE001 - one model's trouble is not another's
            print(wanted, "failed:", repr(error))
