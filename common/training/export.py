"""ONNX graphs: one file a model, from X, float32 (rows, n_features), to ``y``, float32 (rows,), in the
target's unit. Blocks of lead times and the way back from log-ratios are parts of the graph, so that whoever
serves it needs to know neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from common.features import LEVEL_CENTRE, Array

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

OPSET = {"": 18, "ai.onnx.ml": 3}
"""torch exports no lower one than 18."""
_IR_VERSION = 9
"""Understood by every onnxruntime since 1.16."""


def per_lead_linear(
    weights: Array,
    bias: Array,
    low: Array,
    high: Array,
    lead_column: int,
    products: Sequence[tuple[int, int]] = (),
) -> onnx.ModelProto:
    """A graph of one linear model a lead time: `weights` and the bounds of its features, `low` and `high`,
    (48, n_features + n_products), `bias` (48,). `products`: pairs of columns of X."""
    widened = [
        helper.make_node("Gather", ["X", "first_factor"], ["first"], axis=1),
        helper.make_node("Gather", ["X", "second_factor"], ["second"], axis=1),
        helper.make_node("Mul", ["first", "second"], ["multiplied"]),
        helper.make_node("Concat", ["X", "multiplied"], ["wide"], axis=1),
    ]
    nodes = [
        *(widened if products else [helper.make_node("Identity", ["X"], ["wide"])]),
        helper.make_node("Gather", ["X", "lead_column"], ["lead"], axis=1),
        helper.make_node("Sub", ["lead", "one"], ["lead_from_0"]),
        helper.make_node("Cast", ["lead_from_0"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["weights", "index"], ["row_weights"], axis=0),
        helper.make_node("Gather", ["bias", "index"], ["row_bias"], axis=0),
        helper.make_node("Gather", ["low", "index"], ["row_low"], axis=0),
        helper.make_node("Gather", ["high", "index"], ["row_high"], axis=0),
        helper.make_node("Max", ["wide", "row_low"], ["raised"]),
        helper.make_node("Min", ["raised", "row_high"], ["bounded"]),
        helper.make_node("Mul", ["bounded", "row_weights"], ["products"]),
        helper.make_node("ReduceSum", ["products", "features_axis"], ["sum"], keepdims=0),
        helper.make_node("Add", ["sum", "row_bias"], ["flat"]),
        helper.make_node("Unsqueeze", ["flat", "features_axis"], ["log_ratio"]),
    ]
    constants: dict[str, NDArray[Any]] = {
        "lead_column": np.array(lead_column, dtype=np.int64),
        "one": np.array(1.0, dtype=np.float32),
        "weights": weights.astype(np.float32),
        "bias": bias.astype(np.float32),
        "low": low.astype(np.float32),
        "high": high.astype(np.float32),
        "features_axis": np.array([1], dtype=np.int64),
    }
    if products:
        factors = np.array(products, dtype=np.int64)
        constants |= {"first_factor": factors[:, 0], "second_factor": factors[:, 1]}
    return _model(nodes, constants, weights.shape[1] - len(products), "log_ratio", [None, 1])


def by_block(
    models: list[onnx.ModelProto], last_leads: list[int], n_features: int, lead_column: int
) -> onnx.ModelProto:
    """One graph that answers each row with the model of the block in which its lead time lies."""
    nodes, initializers, outputs = _side_by_side(models, "block")
    nodes.append(helper.make_node("Gather", ["X", "lead_column"], ["lead_flat"], axis=1))
    nodes.append(helper.make_node("Unsqueeze", ["lead_flat", "features_axis"], ["lead"]))
    chosen = outputs[-1]
    constants: dict[str, NDArray[Any]] = {
        "lead_column": np.array(lead_column, dtype=np.int64),
        "features_axis": np.array([1], dtype=np.int64),
    }
    for number in range(len(models) - 2, -1, -1):
        constants[f"last{number}"] = np.array(last_leads[number] + 0.5, dtype=np.float32)
        nodes.append(helper.make_node("Less", ["lead", f"last{number}"], [f"in{number}"]))
        nodes.append(helper.make_node("Where", [f"in{number}", outputs[number], chosen], [f"upto{number}"]))
        chosen = f"upto{number}"
    nodes.append(helper.make_node("Identity", [chosen], ["log_ratio"]))
    return _model(nodes, constants, n_features, "log_ratio", [None, 1], initializers)


def ensemble_of(models: Mapping[str, onnx.ModelProto]) -> onnx.ModelProto:
    """One graph whose answer is the mean of the models' log-ratios, with each of them as ``log_ratio_NAME``."""
    nodes, initializers, outputs = _side_by_side(list(models.values()), "model")
    nodes.append(helper.make_node("Mean", outputs, ["log_ratio"]))
    for name, output in zip(models, outputs, strict=True):
        nodes.append(helper.make_node("Identity", [output], [f"log_ratio_{name}"]))
    first = next(iter(models.values()))
    n_features = first.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    ensemble = _model(nodes, {}, n_features, "log_ratio", [None, 1], initializers)
    for name in models:
        ensemble.graph.output.append(
            helper.make_tensor_value_info(f"log_ratio_{name}", TensorProto.FLOAT, [None, 1])
        )
    return ensemble


def either(then: onnx.ModelProto, otherwise: onnx.ModelProto, column: int) -> onnx.ModelProto:
    """One graph that answers rows whose `column` is above 0 with one model, and the others with another."""
    nodes, initializers, outputs = _side_by_side([then, otherwise], "case")
    nodes.append(helper.make_node("Gather", ["X", "case_column"], ["case_value"], axis=1))
    nodes.append(helper.make_node("Greater", ["case_value", "zero_case"], ["is_case"]))
    nodes.append(helper.make_node("Where", ["is_case", *outputs], ["log_ratio"]))
    constants: dict[str, NDArray[Any]] = {
        "case_column": np.array([column], dtype=np.int64),
        "zero_case": np.array(0.0, dtype=np.float32),
    }
    n_features = then.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    return _model(nodes, constants, n_features, "log_ratio", [None, 1], initializers)


def sum_of(models: list[onnx.ModelProto]) -> onnx.ModelProto:
    """One graph whose answer is the sum of the models' log-ratios."""
    nodes, initializers, outputs = _side_by_side(models, "part")
    nodes.append(helper.make_node("Sum", outputs, ["log_ratio"]))
    n_features = models[0].graph.input[0].type.tensor_type.shape.dim[1].dim_value
    return _model(nodes, {}, n_features, "log_ratio", [None, 1], initializers)


def in_target_unit(
    model: onnx.ModelProto, level_column: int, floor: float, ceiling: float, *, whole: bool = False
) -> bytes:
    """The finished file: log-ratios times the level that the row carries, between 0 and `ceiling`; rounded, if the
    target is always a `whole` number, with what was rounded as a second answer, ``exact``. Of each model of an
    ensemble ``y_NAME`` is a further answer, not rounded."""
    members = [
        output.name.removeprefix("log_ratio") for output in model.graph.output
    ]  # the first is the mean: ""
    n_features = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    nodes = [
        *model.graph.node,
        helper.make_node("Gather", ["X", "level_column"], ["level_centred"], axis=1),
        helper.make_node("Add", ["level_centred", "level_centre"], ["log_level"]),
    ]
    for member in members:
        bounded = "exact" if whole and not member else f"y{member}"
        nodes += [
            helper.make_node("Squeeze", [f"log_ratio{member}", "last_axis"], [f"ratio_flat{member}"]),
            helper.make_node("Add", [f"ratio_flat{member}", "log_level"], [f"log_y{member}"]),
            helper.make_node("Exp", [f"log_y{member}"], [f"y_and_floor{member}"]),
            helper.make_node("Sub", [f"y_and_floor{member}", "floor"], [f"unbounded{member}"]),
            helper.make_node("Clip", [f"unbounded{member}", "zero", "ceiling"], [bounded]),
        ]
    if whole:
        nodes.append(helper.make_node("Round", ["exact"], ["y"]))
    constants: dict[str, NDArray[Any]] = {
        "level_column": np.array(level_column, dtype=np.int64),
        "last_axis": np.array([1], dtype=np.int64),
        "level_centre": np.array(LEVEL_CENTRE, dtype=np.float32),
        "floor": np.array(floor, dtype=np.float32),
        "zero": np.array(0.0, dtype=np.float32),
        "ceiling": np.array(ceiling, dtype=np.float32),
    }
    finished = _model(nodes, constants, n_features, "y", [None], list(model.graph.initializer))
    further = (["exact"] if whole else []) + [f"y{member}" for member in members if member]
    for name in further:
        finished.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]))
    onnx.checker.check_model(finished)
    return bytes(finished.SerializeToString())


def _side_by_side(
    models: list[onnx.ModelProto], prefix: str
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto], list[str]]:
    """Nodes and constants of several graphs that all read ``X``, and the names of their answers."""
    nodes: list[onnx.NodeProto] = []
    initializers: list[onnx.TensorProto] = []
    outputs = []
    for number, model in enumerate(models):
        graph = compose.add_prefix(model, f"{prefix}{number}/").graph
        rename = {graph.input[0].name: "X"}
        for node in graph.node:
            node.input[:] = [rename.get(name, name) for name in node.input]
        nodes += list(graph.node)
        initializers += list(graph.initializer)
        outputs.append(graph.output[0].name)
    return nodes, initializers, outputs


def _model(
    nodes: list[onnx.NodeProto],
    constants: Mapping[str, NDArray[Any]],
    n_features: int,
    output: str,
    shape: list[int | None],
    initializers: list[onnx.TensorProto] | None = None,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "vayu",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, n_features])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        initializer=[
            *(initializers or []),
            *(numpy_helper.from_array(value, name) for name, value in constants.items()),
        ],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSET.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
