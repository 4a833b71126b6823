"""What is started: the built functions, with bytecode and without, the bare ones, and Lambda's runtime."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import build  # noqa: E402 - the very steps of `make build`

ARCH = "arm64" if platform.machine() == "aarch64" else "x86_64"
PUBLIC = (
    "asn1crypto", "aws-lambda-powertools", "jmespath", "pg8000", "python-dateutil", "scramp", "six", "sqlalchemy",
    "typing-extensions",
)  # fmt: skip
"""What every function of ours imports, too"""
FLASK = (
    "annotated-types", "blinker", "click", "flask", "flask-openapi3", "itsdangerous", "jinja2", "markupsafe",
    "pydantic", "pydantic-core", "serverless-wsgi", "typing-inspection", "werkzeug",
)  # fmt: skip
ONNX = ("numpy", "obstore", "onnxruntime")
RUNTIME = (
    "awslambdaric", "boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "simplejson", "six",
    "snapshot-restore-py", "urllib3",
)  # fmt: skip
"""What Lambda's image for Python has besides Python"""


class Artefacts:
    """All that instances are started from, in one folder; laid out when it is made."""

    def __init__(self, folder: Path) -> None:
        """`folder`: a new one, or that of a former run, which is used as it is.

        Exits where no CPython 3.13 is at hand.
        """
        result = build._compiler()
        if result is None:
            sys.exit("what is built for CPython 3.13 cannot be started without one")
        self._compiler, self._folder = result, folder
        self.python = str(folder / "python" / "bin" / "python")
        if not (folder / "whole").exists():
            self._lay_out()
            (folder / "whole").touch()

    def paths(self, unit: str, *, bytecode: bool = True) -> list[Path]:
        """Where an instance of the function finds what it imports, as on Lambda."""
        runtime = self._folder / "runtime"
        if unit == "train":  # its image compiles what it holds
            return [self._folder / f"train{'' if bytecode else '-sources'}", runtime]
        aws = self._folder / ("built" if bytecode else "sources") / "aws"
        layers = (aws / "layers" / name / "python" for name in build.UNITS[unit].layers)
        return [aws / "functions" / unit, *layers, runtime]

    def bare(self, unit: str) -> list[Path]:
        """The same of the bare one beside it."""
        folder = self._folder / f"bare-{unit}"
        return [folder / "task", folder / "layer", self._folder / "runtime"]

    def with_model(self, data: bytes) -> None:
        """Give the bare forecast the model that it opens."""
        (self._folder / "bare-forecast" / "task" / "model.onnx").write_bytes(data)

    def _lay_out(self) -> None:
        print("laying out what is started …", flush=True)
        # An environment of its own: what is installed beside that interpreter is not seen, nor started with it.
        subprocess.run([self._compiler, "-m", "venv", "--without-pip", self._folder / "python"], check=True)
        for name, options in (("built", ()), ("sources", ("--without-bytecode",))):
            command = [sys.executable, ROOT / "scripts" / "build.py", "--arch", ARCH, *options]
            subprocess.run([*command, "--out", self._folder / name], stdout=subprocess.DEVNULL, check=True)
        pins = [f"{name}=={importlib.metadata.version(name)}" for name in RUNTIME]
        build._install(self._folder / "runtime", pins, ARCH, prune=False)
        build._compile(self._compiler, self._folder / "runtime", "/var/runtime")
        self._bare("api", ("api", "aws"), FLASK + PUBLIC)
        self._bare("forecast", ("inference",), ONNX + PUBLIC)
        self._train()

    def _bare(self, unit: str, sets: tuple[str, ...], names: tuple[str, ...]) -> None:
        task, layer = self.bare(unit)[:2]
        pins = [line for line in build._pins(sets) if line.partition("==")[0] in names]
        build._install(layer, pins, ARCH)
        build._compile(self._compiler, layer, "/opt/python", sources=False)
        task.mkdir()
        shutil.copyfile(Path(__file__).with_name(f"bare_{unit}.py"), task / f"bare_{unit}.py")
        build._compile(self._compiler, task, "/var/task")

    def _train(self) -> None:
        """As its Dockerfile does."""
        compiled, sources = (self.paths("train", bytecode=bytecode)[0] for bytecode in (True, False))
        made = self._folder / "built" / "aws" / "train"
        build._install(compiled, (made / "requirements.txt").read_text().split("\n"), ARCH, prune=False)
        for name in ("common", "functions"):
            shutil.copytree(made / name, compiled / name)
        shutil.copytree(compiled, sources)
        build._compile(self._compiler, compiled, "/var/task")
