"""Forecasts from finished models: numpy and onnxruntime only, never the libraries that trained them."""
