"""The LSTM's layers, and their export to ONNX. It imports torch, so `common.training.lstm` imports it late."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from common.domain.forecast import HORIZON
from common.training.export import OPSET

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx
    from numpy.typing import NDArray

_CONTEXT, _HIDDEN = 32, 48
_DROPOUT = 0.3
_EXAMPLE_ORIGINS = 3
"""Origins of the rows that the export is traced with; torch takes a dimension of 1 for one that never changes."""


class Network(nn.Module):
    """An LSTM over the lead times of each origin. What all lead times share makes the state it begins with."""

    def __init__(self, n_fixed: int, n_varying: int) -> None:
        super().__init__()
        self.context = nn.Linear(n_fixed, _CONTEXT)
        self.hidden = nn.Linear(_CONTEXT, _HIDDEN)
        self.cell = nn.Linear(_CONTEXT, _HIDDEN)
        self.over_leads = nn.LSTM(n_varying + _CONTEXT, _HIDDEN)
        self.answer = nn.Linear(_HIDDEN, 1)
        for weights in self.answer.parameters():
            nn.init.zeros_(weights)  # an untrained network corrects nothing

    def forward(self, fixed: torch.Tensor, varying: torch.Tensor) -> torch.Tensor:
        """Corrections, (n_leads, n_origins), in units of the scale; with dropout while the network is trained.

        `fixed`: (n_origins, n_fixed), `varying`: (n_leads, n_origins, n_varying), both standardised.
        """
        context = self._dropout(torch.tanh(self.context(self._dropout(fixed))))
        state = torch.tanh(self.hidden(context))[None], self.cell(context)[None]
        inputs = torch.cat([varying, context.expand(len(varying), -1, -1)], dim=2)
        states, _ = self.over_leads(inputs, state)
        return self.answer(self._dropout(states))[:, :, 0]

    def _dropout(self, values: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(values, _DROPOUT, training=self.training)


class Served(nn.Module):
    """The mean of several networks, from rows as they are served: 48 an origin, in the order of their lead times."""

    def __init__(
        self,
        networks: Sequence[Network],
        *,
        centre: NDArray[Any],
        inverse: NDArray[Any],
        reach: float,
        scale: NDArray[Any],
        lead_column: int,
    ) -> None:
        """`centre` and `inverse`, (n_features,): features less the one and times the other, within `reach`, are read;
        `scale`, (48,): what the answers are multiplied with, by lead time."""
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.register_buffer("centre", torch.from_numpy(centre).float())
        self.register_buffer("inverse", torch.from_numpy(inverse).float())
        self.register_buffer("scale", torch.from_numpy(scale).float())
        self.reach, self.lead_column = reach, lead_column

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Log-ratios, (rows, 1), from X, float32 (rows, n_features)."""
        standard = torch.clamp((X - self.centre) * self.inverse, -self.reach, self.reach)
        origins = standard.reshape(-1, HORIZON, X.shape[1])
        n_fixed = self.networks[0].context.in_features
        fixed, varying = origins[:, 0, :n_fixed], origins[:, :, n_fixed:].transpose(0, 1)
        answers = torch.stack([network(fixed, varying) for network in self.networks]).mean(dim=0)
        lead = X[:, self.lead_column].to(torch.int64) - 1
        return (answers.T.reshape(-1) * self.scale[lead])[:, None]

    def to_onnx(self) -> onnx.ModelProto:
        """The graph from ``X`` to ``log_ratio``, for any number of origins."""
        X = torch.zeros(_EXAMPLE_ORIGINS * HORIZON, len(self.centre))
        X[:, self.lead_column] = torch.arange(1, HORIZON + 1).repeat(_EXAMPLE_ORIGINS)
        # The exporter warns of its own parts, and at each export of packages that it could use.
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                self.eval(),
                (X,),
                input_names=["X"],
                output_names=["log_ratio"],
                dynamic_shapes=({0: HORIZON * torch.export.Dim("origins")},),
                opset_version=OPSET[""],
                dynamo=True,
                verbose=False,
            )
        model: onnx.ModelProto = program.model_proto
        # torch writes into each node by which lines of which files it was made.
        for part in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
            del part.metadata_props[:]
        return model
