"""Makes a Llama of true size with seeded random weights in transformers' own files, and the logits that transformers gives for it.

usage: full-size.py make FOLDER [--shape 8b|70b] [--layers N] [--logits OUT.npy]
       full-size.py compare OURS.npy THEIRS.npy

`make` also writes FOLDER/../tokens.json: 513 ids. Logits are float32 [512, vocabulary], computed in float32 on the GPU.
`compare` prints how far two logits files are apart, and at how many positions the best token is the same where the best two are
further apart than that.
"""
import argparse
import json
import os

SHAPES = {
    "8b": dict(hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32),
    "70b": dict(hidden_size=8192, intermediate_size=28672, num_hidden_layers=80, num_attention_heads=64),
}


def make(folder, shape, layers, logits):
    import numpy as np
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = dict(SHAPES[shape], num_key_value_heads=8, vocab_size=128256, rope_theta=500000.0, max_position_embeddings=8192)
    if layers:
        sizes["num_hidden_layers"] = layers
    torch.manual_seed(5)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = LlamaForCausalLM(LlamaConfig(**sizes)).eval()
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder, max_shard_size="5GB")
    tokens = np.random.default_rng(5).integers(0, 128256, 513).tolist()
    with open(os.path.join(os.path.dirname(os.path.abspath(folder)), "tokens.json"), "w") as file:
        json.dump(tokens, file)
    if logits:
        with torch.no_grad():
            found = model.float()(torch.tensor([tokens[:-1]], device="cuda")).logits[0]
        np.save(logits, found.cpu().numpy())


def compare(ours, theirs):
    import numpy as np

    a, b = np.load(ours, mmap_mode="r"), np.load(theirs, mmap_mode="r")
    largest, total, margins, equal = 0.0, 0.0, [], []
    for x, y in zip(a, b):
        distance = np.abs(x.astype(np.float64) - y)
        largest, total = max(largest, distance.max()), total + distance.mean()
        best = np.sort(y)[-2:]
        margins.append(best[1] - best[0])
        equal.append(x.argmax() == y.argmax())
    clear = np.array(margins) > 2 * largest
    equal = np.array(equal)
    result = dict(shape=list(a.shape), max_abs=float(largest), mean_abs=total / len(a), rms=float(np.sqrt(np.mean(np.square(np.asarray(b), dtype=np.float64)))))
    print(json.dumps(dict(result, argmax_equal=int(equal.sum()), clear=int(clear.sum()), clear_equal=int((equal & clear).sum()))))


parser = argparse.ArgumentParser()
parser.add_argument("what", choices=["make", "compare"])
parser.add_argument("paths", nargs="+")
parser.add_argument("--shape", default="8b", choices=SHAPES)
parser.add_argument("--layers", type=int)
parser.add_argument("--logits")
args = parser.parse_args()
if args.what == "make":
    make(args.paths[0], args.shape, args.layers, args.logits)
else:
    compare(*args.paths)
