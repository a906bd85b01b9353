#!/usr/bin/env bash
# usage: figures.sh FOLDER [SHAPE [LAYERS]] — on a machine with an NVIDIA GPU, PyTorch and transformers, in the root of a built clone.
# Makes a model of true size in FOLDER (8b: 16 GB, and as much again for Nanotron's), measures, and leaves it there.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd); shape=${2:-8b}; layers=${3:+--layers $3}
here=$(cd "$(dirname "$0")" && pwd)
command=(node "$here/../../dist/core/cli/main.js")
measured=(python3 "$here/measure.py" "${command[@]}")
options=(--tokens-file "$folder/tokens.json" --executor webgpu --json)
# shellcheck disable=SC2086
python3 "$here/full-size.py" make "$folder/hf" --shape "$shape" $layers --logits "$folder/theirs.npy"
"${command[@]}" convert "$folder/hf" "$folder/tp2" --to nanotron --tp 2 --verify none
node "$here/../../dist/test/bench/webgpu.js"
for run in 1 2 3; do # the first also fills the driver's cache of compiled kernels
  echo "predict, run $run"
  "${measured[@]}" predict "$folder/hf" "${options[@]}" | grep Seconds
done
for run in 1 2; do
  echo "verify --checks predictions, run $run"
  "${measured[@]}" verify "$folder/hf" "$folder/tp2" --checks predictions "${options[@]}" | grep -E 'Seconds|verdict|argmaxEqual|maxAbs|agree'
done
echo "verify, parameters too"
"${measured[@]}" verify "$folder/hf" "$folder/tp2" "${options[@]}" | grep -E 'Seconds|verdict'
echo "against transformers' float32 logits"
"${command[@]}" predict "$folder/hf" "${options[@]}" --logits "$folder/ours.npy" >/dev/null
python3 "$here/full-size.py" compare "$folder/ours.npy" "$folder/theirs.npy"
