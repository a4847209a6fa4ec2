"""A checkpoint as one ONNX graph, its LLM in the four bits that it was shipped in."""
