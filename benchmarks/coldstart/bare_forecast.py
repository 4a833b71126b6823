"""The least that forecasts on Lambda: opens the model that lies beside it, and predicts from 48 made-up rows."""

from pathlib import Path

import numpy as np
import obstore  # noqa: F401 - as ours does
import onnxruntime
import pg8000.native  # noqa: F401
import sqlalchemy.dialects.postgresql.pg8000  # noqa: F401 - as ours does
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities import batch, parameters  # noqa: F401 - with boto3

log = Logger(service="bare")


def handler(*_: object) -> list[float]:
    """What Lambda calls."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = Path(__file__).with_name("model.onnx").read_bytes()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    X = np.ones((48, session.get_inputs()[0].shape[1]), np.float32)
    result: list[float] = session.run(["y"], {"X": X})[0].ravel().tolist()
    return result
