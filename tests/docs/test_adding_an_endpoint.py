"""The endpoint of docs/adding-an-endpoint.md works as the page says."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "adding-an-endpoint.md"
PROGRAM = """
import json
from datetime import UTC, datetime
from common.api import ApiContext, create_app
from common.store.engine import Database

closed = Database("postgresql+pg8000://nobody@127.0.0.1:1/nowhere")
client = create_app(ApiContext(closed, lambda: datetime(2025, 11, 5, tzinfo=UTC), None)).test_client()
answers = [client.get(f"/api/v1/cities/{name}") for name in ("new-delhi", "Dehli", "rankings?limit=0")]
print(json.dumps([[answer.status_code, answer.get_json()] for answer in answers]))
"""


def test_its_change_adds_the_endpoint(tmp_path: Path) -> None:
    [change] = re.findall(r"^```diff\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for folder in ("common", "tests", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "change.diff").write_text(change, encoding="utf-8")
    subprocess.run(["git", "apply", "change.diff"], cwd=tmp_path, check=True)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    result, unknown, ranked = json.loads(done.stdout.splitlines()[-1])
    assert result == [200, {"name": "Delhi", "state": "Delhi", "latitude": 28.6139, "longitude": 77.209}]
    assert (unknown[0], unknown[1]["nearest"]) == (404, ["Delhi"])
    assert (ranked[0], ranked[1]["errors"][0]["parameter"]) == (400, "limit")
