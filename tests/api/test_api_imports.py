"""What the API may load: a cold start pays for every module."""

import json
import subprocess
import sys

HEAVY = {
    "alembic", "aws_lambda_powertools", "common.api.description", "httpx", "limits", "numpy",
    "onnxruntime", "pandas", "redis", "sklearn",
    "common.features", "common.inference", "common.ingest", "common.sources", "common.training", "xgboost",
}  # fmt: skip


def test_a_fresh_process_loads_nothing_heavy() -> None:
    program = "import json, sys, common.api; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(json.loads(done.stdout))
