"""Lay out what is deployed: python scripts/build.py [--arch x86_64|arm64] [--out build] (make build ARCH=…).

    build/aws/layers/NAME/python/…       third-party packages of a Lambda layer, and NAME.zip beside it
    build/aws/functions/NAME/…           our code of one function, and what it needs that no layer of its has
    build/aws/train/…                    what the Dockerfile of the train function copies into its image
    build/gcp/NAME/                      main.py, requirements.txt and our code of one function, or of a process

Packages are those of layers/*/requirements.txt, as wheels for CPython 3.13 on Amazon Linux 2023; nothing is compiled
but bytecode, for which a CPython 3.13 must be at hand (Lambda's folders cannot be written to, so what has none is
compiled anew at every cold start). Packages of others are shipped as bytecode alone, which halves them; our code
keeps its sources, for tracebacks. The same input gives the same bytes. Prints a size report, and fails where a limit
is passed. Needs the packages of layers/build.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import grimp

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

ROOT = Path(__file__).parents[1]
PYTHON = "3.13"
PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
ZIPPED_AT = (1980, 1, 1, 0, 0, 0)
MB = 1e6

LAYERS = {"base": ("base", "aws"), "inference": ("inference",)}
"""Lambda layer → sets of layers/ in it; the second holds what the first has not."""
IN_RUNTIME = ("boto3", "botocore", "s3transfer", "urllib3")
"""Lambda's runtime has them, and its image: packaged, they would be 17 MB of each function's zip."""
NEEDLESS = ("protobuf", "flatbuffers", "dnspython", "pycparser")
"""Named by packages that do here without them, and by no other: onnxruntime runs models without the first two,
email-validator looks up no name for us, and cffi reads C only where a module is made, which PyNaCl's is."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What a function is made of on each cloud."""

    layers: tuple[str, ...]
    """Of Lambda"""
    own: tuple[str, ...]
    """Sets whose packages lie beside its code on Lambda, where no layer has them"""
    gcp: tuple[str, ...]
    """Sets that its requirements.txt on Google Cloud joins"""
    zipped_mb: float | None = None
    """Most that the function and its layers may take, zipped"""
    unzipped_mb: float | None = None
    is_process: bool = False
    """Whether Google Cloud runs it as a process: ``functions/NAME/process.py``"""


UNITS = {
    "collect": Unit(("base",), (), ("base", "gcp"), zipped_mb=12),
    "forecast": Unit(("base", "inference"), (), ("inference", "gcp"), zipped_mb=50, unzipped_mb=150),
    "retention": Unit(("base",), ("files",), ("files", "gcp")),
    "alerts": Unit(("base",), ("alerts",), ("alerts", "gcp"), zipped_mb=13),
    "live": Unit(("base",), (), ("live",), zipped_mb=12, is_process=True),
    "api": Unit(("base",), ("api",), ("api", "files", "gcp"), zipped_mb=20),
    "train": Unit((), (), ("training", "gcp")),
}
IMAGE = "train"
"""The function that is a container image on AWS."""

LEFT_OUT_FOLDERS = {"__pycache__", "tests", "test", "testing", "include", "bin"}
KEPT_FOLDERS = {"numpy/testing"}
DISCOVERED = {"common.sources"}
"""Packages that look for their own modules when they are loaded, so that no import names them"""
NOT_USED = (
    "aws_lambda_powertools/event_handler",
    "numpy/f2py",
    "onnxruntime/backend",
    "onnxruntime/capi/libonnxruntime.so.",  # for programs in C; Python's module holds all of it once more
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
)
"""Parts of packages that no function imports"""
LEFT_OUT_ENDINGS = (".pyi", ".pyx", ".pxd", ".c", ".h", ".hpp", ".cpp", ".a", ".map")
KEPT_OF_METADATA = {"METADATA", "entry_points.txt"}


def main() -> None:
    """Build everything, tell sizes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arch", choices=PLATFORMS, default="x86_64")
    parser.add_argument("--out", type=Path, default=ROOT / "build")
    parser.add_argument("--without-bytecode", action="store_true")
    options = parser.parse_args()
    compiler = None if options.without_bytecode else _compiler()
    for part in ("aws", "gcp"):
        shutil.rmtree(options.out / part, ignore_errors=True)
    aws = options.out / "aws"
    layers = {name: _layer(aws, name, options.arch, compiler) for name in LAYERS}
    for name, unit in UNITS.items():
        _gcp(options.out / "gcp" / name, name, unit)
        if name != IMAGE:
            _function(aws / "functions" / name, name, unit, options.arch, compiler)
    _image(aws / IMAGE)
    sys.exit(_report(aws, layers))


def _compiler() -> str | None:
    """A CPython of the version that Lambda runs."""
    named = shutil.which(f"python{PYTHON}")
    installed = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(
        f"versions/{PYTHON}*/bin/python"
    )
    for candidate in [*filter(None, [named]), *map(str, sorted(installed, reverse=True))]:
        version = subprocess.run(
            [candidate, "-c", "import platform as p; print(p.python_implementation(), p.python_version())"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if version.stdout.startswith(f"CPython {PYTHON}."):
            return candidate
    print(
        f"No CPython {PYTHON} is here (python{PYTHON} on the PATH, or pyenv's): no bytecode is shipped, and every cold "
        "start compiles anew",
        file=sys.stderr,
    )
    return None


def _layer(aws: Path, name: str, arch: str, compiler: str | None) -> Path:
    folder = aws / "layers" / name
    below = [line for before in list(LAYERS)[: list(LAYERS).index(name)] for line in _pins(LAYERS[before])]
    pins = _pins(LAYERS[name], (*NEEDLESS, *IN_RUNTIME))
    _install(folder / "python", [line for line in pins if line not in below], arch)
    _compile(compiler, folder / "python", "/opt/python", sources=False)
    return _zip(folder)


def _function(folder: Path, name: str, unit: Unit, arch: str, compiler: str | None) -> None:
    folder.mkdir(parents=True)
    if unit.own:
        below = {line for layer in unit.layers for line in _pins(LAYERS[layer])}
        _install(folder, [line for line in _pins(unit.own, NEEDLESS) if line not in below], arch)
        _compile(compiler, folder, "/var/task", sources=False)
    _copy_code(folder, f"functions.{name}.main")
    _compile(compiler, folder, "/var/task")
    _zip(folder)


def _gcp(folder: Path, name: str, unit: Unit) -> None:
    folder.mkdir(parents=True)
    _copy_code(folder, f"functions.{name}.{'process' if unit.is_process else 'main'}")
    if unit.is_process:
        text = f"from functions.{name}.process import main\n\nmain()\n"
        (folder / "Procfile").write_text("web: python main.py\n")
        (folder / ".python-version").write_text(f"{PYTHON}\n")
    else:
        text = f"from functions.{name}.main import http as http\n"
    (folder / "main.py").write_text(f'"""What the platform loads."""\n\n{text}')
    (folder / "requirements.txt").write_text("\n".join([*_pins(unit.gcp), ""]))


def _image(folder: Path) -> None:
    folder.mkdir(parents=True)
    _copy_code(folder, f"functions.{IMAGE}.main")
    (folder / "requirements.txt").write_text("\n".join([*_pins(("training", "aws"), IN_RUNTIME), ""]))
    shutil.copyfile(ROOT / "functions" / IMAGE / "Dockerfile", folder / "Dockerfile")
    shutil.copyfile(ROOT / "layers" / "lstm" / "requirements.txt", folder / "requirements-lstm.txt")


def _pins(sets: Iterable[str], without: Collection[str] = ()) -> list[str]:
    """The pins of some sets together, which agree: see scripts/pins.py."""
    lines = {
        line
        for name in sets
        for line in (ROOT / "layers" / name / "requirements.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    return sorted(line for line in lines if line.partition("==")[0] not in without)


def _install(target: Path, pins: list[str], arch: str, *, prune: bool = True) -> None:
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:",
            "--python-platform", PLATFORMS[arch], "--python-version", PYTHON, "--link-mode", "copy",
            "--target", str(target), "--requirement", "-",
        ],
        input="\n".join(pins), text=True, check=True,
    )  # fmt: skip
    for path in sorted(target.rglob("*"), reverse=True) if prune else ():
        if _left_out(path.relative_to(target)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        elif path.name == "METADATA":  # the package's whole page, which a start reads to learn the version
            path.write_bytes(path.read_bytes().partition(b"\n\n")[0] + b"\n")


def _left_out(path: Path) -> bool:
    if path.parts[0].endswith(".dist-info"):
        licence = path.name.upper().startswith(("LICEN", "NOTICE", "COPYING", "AUTHORS"))
        return (
            path.suffix != ".dist-info" and path.name not in {*KEPT_OF_METADATA, "licenses"} and not licence
        )
    if path.as_posix().startswith(NOT_USED):
        return True
    if path.name in LEFT_OUT_FOLDERS and path.as_posix() not in KEPT_FOLDERS:
        return True
    return path.name.endswith(LEFT_OUT_ENDINGS) or path.parts[0] == ".lock"


def _copy_code(target: Path, entry: str) -> None:
    """All modules that a module can reach by an import, even by one that waits for its use."""
    for module in _reached(entry):
        source = ROOT.joinpath(*module.split("."))
        source = source / "__init__.py" if source.is_dir() else source.with_suffix(".py")
        copy = target / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        if source.name == "__init__.py":
            for data in source.parent.iterdir():
                if data.is_file() and data.suffix not in (".py", ".pyc"):
                    shutil.copyfile(data, copy.parent / data.name)


@cache
def _imports() -> grimp.ImportGraph:
    sys.path.insert(0, str(ROOT))
    return grimp.build_graph("functions", "common", exclude_type_checking_imports=True, cache_dir=None)


def _reached(entry: str) -> list[str]:
    graph = _imports()
    modules = {entry, *graph.find_upstream_modules(entry)}
    for package in DISCOVERED & modules:
        for module in graph.find_descendants(package):
            modules |= {module, *graph.find_upstream_modules(module)}
    packages = {
        module.rsplit(".", depth)[0] for module in modules for depth in range(1, module.count(".") + 1)
    }
    return sorted(modules | packages)


def _compile(compiler: str | None, folder: Path, runs_at: str, *, sources: bool = True) -> None:
    """Bytecode that is never checked against its source: both come in one file and cannot part."""
    if compiler is None:
        return
    written = list(folder.rglob("*.py"))
    subprocess.run(
        [
            compiler, "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash",
            *([] if sources else ["-b"]), "-s", str(folder), "-p", runs_at, str(folder),
        ],
        check=True, env=os.environ | {"PYTHONHASHSEED": "0"},
    )  # fmt: skip
    for path in [] if sources else written:
        path.unlink()


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def _zip(folder: Path) -> Path:
    target = folder.with_name(folder.name + ".zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in _files(folder):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), ZIPPED_AT)
            info.external_attr = 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, path.read_bytes(), compresslevel=9)
    return target


def _report(aws: Path, layers: dict[str, Path]) -> int:
    """Print what everything weighs; 1 where something weighs too much."""
    print(f"{'AWS':<24}{'zipped MB':>10}{'unzipped MB':>13}   with its layers")
    for name, path in layers.items():
        print(f"  layer {name:<16}{path.stat().st_size / MB:>10.1f}{_weight(aws / 'layers' / name):>13.1f}")
    too_much = []
    for name, unit in UNITS.items():
        folder = aws / "functions" / name
        if not folder.exists():
            continue
        parts = [folder, *(aws / "layers" / layer for layer in unit.layers)]
        zipped = sum(part.with_name(part.name + ".zip").stat().st_size for part in parts) / MB
        unzipped = sum(map(_weight, parts))
        limits = (("zipped", zipped, unit.zipped_mb), ("unzipped", unzipped, unit.unzipped_mb))
        sizes = ", ".join(
            f"{value:.1f} MB {kind}" + (f" (most: {most:g})" if most else "") for kind, value, most in limits
        )
        own = folder.with_name(name + ".zip").stat().st_size / MB
        print(f"  {name:<22}{own:>10.1f}{_weight(folder):>13.1f}   {sizes}")
        too_much += [
            f"{name}: {value:.1f} MB {kind}" for kind, value, most in limits if most and value > most
        ]
    for line in too_much:
        print(f"too large: {line}", file=sys.stderr)
    return 1 if too_much else 0


def _weight(folder: Path) -> float:
    return sum(path.stat().st_size for path in _files(folder)) / MB


if __name__ == "__main__":
    main()
