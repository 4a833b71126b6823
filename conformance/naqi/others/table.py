"""What the packages get wrong, as a table of Markdown: python -m conformance.naqi.others.table

Reads results/*.json, which the runner wrote with `--json`; one file a package.
"""

from __future__ import annotations

import json
from pathlib import Path

RESULTS = Path(__file__).with_name("results")


def table() -> str:
    """Rule by rule: right / wrong of those that the package has; a dash where it does not claim the rule."""
    packages = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))
    }
    rules = list(next(iter(packages.values())))
    lines = ["| rule | " + " | ".join(packages) + " |", "|---|" + "---|" * len(packages)]
    for rule in rules:
        cells = []
        for results in packages.values():
            row = results[rule]
            tried = row["agree"] + row["wrong"]
            cells.append(f"{row['agree']} of {tried}" if tried else "–")
        if any(cell != "–" for cell in cells):
            lines.append(f"| `{rule}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
