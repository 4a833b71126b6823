"""Two runs of `python -m benchmarks.api`, of a release and of what follows it: 1 where a request has become dearer.

python -m benchmarks.api.compare BEFORE.json AFTER.json [--most 1.3]

What is compared is user CPU as a multiple of bare Flask's, which holds on any machine; both runs on the same one all
the same. A request that one of the runs does not know is left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

MOST = 1.3
KINDS = ("kept", "anew", "unchanged")


def main() -> None:
    """Compare, print a line a request, and fail where one is too dear."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--most", type=float, default=MOST, help="ratio above which it fails")
    options = parser.parse_args()
    ratios = compare(_read(options.before), _read(options.after))
    if not ratios:
        sys.exit("the two files have no request in common")
    for (name, kind), ratio in sorted(ratios.items(), key=lambda item: -item[1]):
        print(f"{ratio:5.2f}  {name}, {kind}{'  too dear' if ratio > options.most else ''}")
    if max(ratios.values()) > options.most:
        sys.exit(f"a request costs more than {options.most} times what it did")


def compare(before: dict[str, Any], after: dict[str, Any]) -> dict[tuple[str, str], float]:
    """(request, kind of answer) → its cost after, as a multiple of that before."""
    former = {row["name"]: row for row in before["requests"]}
    return {
        (row["name"], kind): row[kind]["times"] / former[row["name"]][kind]["times"]
        for row in after["requests"]
        for kind in KINDS
        if kind in row and kind in former.get(row["name"], {})
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        sys.exit(f"{path} is no result of benchmarks.api: {error}")
    return content


if __name__ == "__main__":
    main()
