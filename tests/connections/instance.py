"""One warm instance of a function: for each line of standard input, ``[NAME, EVENT]``, the answer in one line."""

import importlib
import json
import sys


def main() -> None:
    """Answer until nothing more comes; an error's sentence stands in its answer's place."""
    answers, sys.stdout = sys.stdout, sys.stderr  # where the logs go
    for line in sys.stdin:
        name, event = json.loads(line)
        try:
            answer = importlib.import_module(f"functions.{name}.main").handler(event, None)
        except Exception as error:  # noqa: BLE001 — told to the test
            answer = {"error": type(error).__name__, "told": str(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
