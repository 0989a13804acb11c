"""Networks in 8 bits and in float32, with us and in ONNX Runtime."""
