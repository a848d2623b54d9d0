"""Describers as ONNX files."""
