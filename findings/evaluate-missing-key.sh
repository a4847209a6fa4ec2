#!/usr/bin/env bash
# evaluate 0.4.6 with datasets 5.2.0: whether a metric takes a dictionary that lacks a key of its features hangs on the
# place of that dictionary. With predictions that are lists of dictionaries of "onset" and "apex", one without "apex" is
# taken as None if another example comes first, and is KeyError: 'apex', raised by datasets' `zip_dict`, if it is in the
# first example. `Dataset.from_dict` with the very same features takes both orders, with None for what is missing.
# Source: https://github.com/huggingface/evaluate, src/evaluate/module.py: `add_batch` hands the first example of a
# column alone to `_enforce_nested_string_type`, which looks for strings and walks all keys of the features to do so;
# the others meet `encode_batch` alone, which fills in what is missing.
# One would expect that the order of examples decides no validity, and that a check for strings is none of numbers' keys.
# A metric of events whose apex is unknown works in its author's trial and fails in a user's first batch; fill the keys
# in an `add_batch` of one's own. Seen: [whole, part] gives {'onset': 3.0, 'apex': None}, [part, whole] KeyError 'apex'.
# Exits non-zero if either behaves otherwise.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -m pip install --quiet --disable-pip-version-check evaluate==0.4.6 datasets==5.2.0
cat > "$work/keys.py" <<'PYTHON'
import datasets
import evaluate

events = datasets.List({"onset": datasets.Value("float64"), "apex": datasets.Value("float64")})


class Echo(evaluate.Metric):
    def _info(self):
        features = datasets.Features({"predictions": events, "references": datasets.Value("int64")})
        return evaluate.MetricInfo(description="", citation="", inputs_description="", features=features)

    def _compute(self, predictions, references):
        return {"seen": predictions}


whole, part = [{"onset": 1.0, "apex": 1.2}], [{"onset": 3.0}]
filled = [{"onset": 3.0, "apex": None}]

for order in ([whole, part], [part, whole]):
    table = datasets.Dataset.from_dict({"e": order}, features=datasets.Features({"e": events}))
    assert list(table["e"]) == [filled if each is part else each for each in order]
print("datasets", datasets.__version__, "takes both orders")

seen = Echo().compute(predictions=[whole, part], references=[0, 0])["seen"]
print("evaluate", evaluate.__version__, "[whole, part]:", seen)
assert seen == [whole, filled]
try:
    Echo().compute(predictions=[part, whole], references=[0, 0])
except KeyError as error:
    print("evaluate [part, whole]: KeyError", error)
    assert error.args == ("apex",)
else:
    raise SystemExit("the key may be missing from the first example, too")
PYTHON
HF_HOME="$work/home" HF_HUB_OFFLINE=1 "$python" "$work/keys.py"
echo "as described: a key may be missing from any dictionary but those of the first example"
