"""What describes photos, as ONNX files."""
