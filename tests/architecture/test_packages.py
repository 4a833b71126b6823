"""The packages that the product is built on are used where docs/architecture.md says."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {
    "functions-framework": "functions_framework",
    "aws-lambda-powertools": "aws_lambda_powertools",
    "pg8000": "pg8000",
    "sqlalchemy": "sqlalchemy",
    "pandas": "pandas",
    "scikit-learn": "sklearn",
    "xgboost": "xgboost",
    "onnxruntime": "onnxruntime",
    "skl2onnx": "skl2onnx",
    "jinja2": "jinja2",
    "standardwebhooks": "standardwebhooks",
    "email-validator": "email_validator",
    "httpcore": "httpcore",
    "flask-openapi3": "flask_openapi3",
    "pydantic": "pydantic",
    "redis": "redis",
    "aiohttp": "aiohttp",
    "mcp": "mcp",
    "serverless-wsgi": "serverless_wsgi",
    "moto": "moto",
    "pytest": "pytest",
}


@cache
def imports() -> dict[str, set[str]]:
    """File, from the root → the packages that it imports."""
    result = {}
    for folder in ("common", "functions", "scripts", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            names: set[str] = set()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names.add(node.module.split(".")[0])
            result[str(path.relative_to(ROOT))] = names
    return result


def imported(module: str) -> set[str]:
    """Files, from the root, that import a package."""
    return {path for path, names in imports().items() if module in names}


def table() -> dict[str, list[str]]:
    """Package → places, as the table of docs/architecture.md has them."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    _, section = text.split("## What it is built on\n")
    rows = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("| `")]
    return {re.findall(r"`([^`]+)`", row)[0]: re.findall(r"`([^`]+)`", row.split("|")[3]) for row in rows}


@pytest.mark.parametrize("package", MODULES)
def test_each_package_is_imported_where_the_table_says(package: str) -> None:
    files = imported(MODULES[package])
    assert files, f"{package} is imported nowhere"
    places = table()[package]
    assert places
    for place in places:
        assert any(file.startswith(place) for file in files), f"{package} is not imported in {place}"
