"""Hold an implementation of air quality indices against the vectors: python -m conformance.naqi "COMMAND"

COMMAND is started once. It reads one question a line from its stdin, as JSON, and writes one answer a line to its
stdout; docs/conformance.md has both. Prints by rule how many answers agree, and the first that do not. Exit status: 0,
all agree; 1, some do not, or are not supported; 2, the command cannot be tested.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from conformance.naqi.compare import differences, shown
from conformance.naqi.make import VECTORS
from conformance.naqi.peer import Peer, PeerError


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance.naqi",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", help="program to test, with its arguments, between quotes")
    kit = json.loads(VECTORS.read_text(encoding="utf-8"))
    parser.add_argument("--rule", action="append", choices=list(kit["rules"]), help="only this rule; repeat")
    parser.add_argument("--seconds", type=_seconds, default=10.0, help="for each answer; 10 by default")
    parser.add_argument("--show", type=int, default=3, help="wrong answers shown of each rule; 3 by default")
    parser.add_argument("--json", action="store_true", help="for machines")
    given = parser.parse_args()
    chosen = [each for each in kit["vectors"] if not given.rule or each["rule"] in given.rule]
    try:
        with Peer(given.command, given.seconds) as peer:
            results = results_of(peer, chosen)
    except PeerError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    if given.json:
        print(json.dumps(results, ensure_ascii=False, indent=1))
    else:
        _print(results, kit["rules"], given.show)
    sys.exit(0 if all(row["agree"] == row["vectors"] for row in results.values()) else 1)


def results_of(peer: Peer, vectors: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rule → how many vectors there are, agree, are wrong and are not supported, and each that is wrong.

    Raises:
        PeerError: as `Peer.ask` does.
    """
    results: dict[str, dict[str, Any]] = {}
    for vector in vectors:
        row = results.setdefault(
            vector["rule"],
            {"vectors": 0, "agree": 0, "wrong": 0, "unsupported": 0, "reasons": [], "cases": []},
        )
        row["vectors"] += 1
        answer = peer.ask({name: vector[name] for name in ("id", "op", "input")})
        if "unsupported" in answer:
            row["unsupported"] += 1
            if answer["unsupported"] not in row["reasons"]:
                row["reasons"].append(answer["unsupported"])
            continue
        problems = [answer["error"]] if "error" in answer else differences(vector["expected"], answer)
        row["wrong" if problems else "agree"] += 1
        if problems:
            row["cases"].append(
                {"id": vector["id"], "input": vector["input"], "problem": "; ".join(map(str, problems))}
            )
    return results


def _print(results: dict[str, dict[str, Any]], rules: dict[str, Any], most: int) -> None:
    print(f"{'rule':<22}{'agree':>7}{'wrong':>7}{'unsupported':>13}")
    for rule, row in results.items():
        print(f"{rule:<22}{row['agree']:>7}{row['wrong']:>7}{row['unsupported']:>13}  {rules[rule]['text']}")
        for case in row["cases"][:most]:
            print(f"    {case['id']}: {_given(case['input'])}: {case['problem']}")
    total = {
        name: sum(row[name] for row in results.values())
        for name in ("vectors", "agree", "wrong", "unsupported")
    }
    print(
        f"{total['agree']} of {total['vectors']} agree, {total['wrong']} are wrong, "
        f"{total['unsupported']} are not supported"
    )


def _given(question: dict[str, Any]) -> str:
    """A question in short."""
    parts = [shown(value) for name, value in question.items() if name not in {"series", "units"}]
    return " ".join([*parts, ", ".join(question.get("series", ()))]).strip()


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError("from above 0 to 3600 seconds")
    return value


if __name__ == "__main__":
    main()
