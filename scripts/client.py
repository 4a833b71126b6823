"""Make the typed Python client of docs/openapi.json: clients/python/vayu_client, and a wheel of it.

    python scripts/client.py [--to FOLDER] [--no-wheel]

openapi-python-client writes the code; it was chosen among generators because it is Python alone, knows OpenAPI 3.1,
and writes httpx and attrs, sync and async, with types. Its code is neither edited nor committed: 38,000 lines.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = ROOT / "clients" / "python"


def main() -> None:
    """Write the package, then build it; 1 where a part of the description cannot be expressed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--to", type=Path, default=PROJECT, help="Folder of the project; by itself clients/python."
    )
    parser.add_argument("--no-wheel", action="store_true", help="Only write the code.")
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    if given.to.resolve() != PROJECT:
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(PROJECT / name, given.to / name)
    package = given.to / "vayu_client"
    write(package)
    print(f"{package}: {sum(1 for _ in package.rglob('*.py'))} modules")
    if not given.no_wheel:
        subprocess.run([sys.executable, "-m", "uv", "build", "--quiet", "--wheel", str(given.to)], check=True)


def write(package: Path) -> None:
    """The package anew, from the description as it is."""
    subprocess.run(
        [
            sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--overwrite",
            "--fail-on-warning", "--path", str(ROOT / "docs" / "openapi.json"),
            "--config", str(PROJECT / "config.yml"), "--output-path", str(package),
        ],
        check=True,
    )  # fmt: skip
    (package / "py.typed").touch()


if __name__ == "__main__":
    main()
