#!/usr/bin/env bash
# datasets 5.2.0: a list in `gen_kwargs` of `Dataset.from_generator` never reaches the generator whole. Without
# `num_proc` the generator is called once for every element, each time with a list of one; a tuple arrives as it was
# given. So a function with an option that happens to be a list (sizes, names of columns) gives too many rows, silently
# wrong, and two such options of different lengths raise "Sharding is ambiguous" though nothing is to run in parallel.
# Source: https://github.com/huggingface/datasets, Generator._generate_examples in
# src/datasets/packaged_modules/generator/generator.py.
# One would expect `generator(**gen_kwargs)`: the documentation calls gen_kwargs "keyword arguments to be passed to the
# `generator` callable" and speaks of shards only together with "setting `num_proc` greater than 1".
# Seen: called directly 2 rows, sizes [64, 32]; list 4 rows, sizes [64] and [32]; tuple 2 rows, sizes (64, 32); a list
# to a streamed IterableDataset the same 4 rows; lists of 2 and 3: DatasetGenerationError, "Sharding is ambiguous".
# Exits non-zero if datasets behaves otherwise.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check datasets==5.2.0
cat > "$work/rows.py" <<'PYTHON'
import datasets


def rows(clips, sizes):
    for clip in range(clips):
        yield {"clip": clip, "sizes": str(sizes)}


def built(kind, sizes):
    return list(kind.from_generator(rows, gen_kwargs={"clips": 2, "sizes": sizes}))


def pairs(left, right):
    yield {"left": str(left), "right": str(right)}


direct = list(rows(2, [64, 32]))
of_list, of_tuple = built(datasets.Dataset, [64, 32]), built(datasets.Dataset, (64, 32))
streamed = built(datasets.IterableDataset, [64, 32])
try:
    uneven = str(list(datasets.Dataset.from_generator(pairs, gen_kwargs={"left": [1, 2], "right": [1, 2, 3]})))
except datasets.exceptions.DatasetGenerationError as error:
    uneven = f"{type(error).__name__} from {error.__cause__}".splitlines()[0]
print("datasets", datasets.__version__)
for name, found in (("direct", direct), ("list", of_list), ("tuple", of_tuple), ("streamed list", streamed)):
    print(f"{name}: {len(found)} rows, sizes {[row['sizes'] for row in found]}")
print("lists of 2 and 3:", uneven)
split = [{"clip": clip, "sizes": size} for size in ("[64]", "[32]") for clip in range(2)]
whole = [{"clip": clip, "sizes": "(64, 32)"} for clip in range(2)]
assert of_list == split and streamed == split and of_tuple == whole and "Sharding is ambiguous" in uneven
PYTHON
HF_HOME="$work/home" HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1 "$work/venv/bin/python" "$work/rows.py"
echo "as described: each element of a list is a call of its own"
