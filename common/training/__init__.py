"""Training, judging and promoting models: the only place for scikit-learn, xgboost and the ONNX converters."""
