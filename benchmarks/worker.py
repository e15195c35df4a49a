"""A process that answers calls: one JSON object a line in, one out.

Each contender of a claim lives in a process of its own, so that no library sees another one's threads,
memory or settings, and the calls of the contenders can still alternate.
"""

from __future__ import annotations

import importlib
import json
import os
import sys


def main() -> None:
    """Answer until the input ends. What a library prints goes to the standard error."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            request = json.loads(line)
            module = importlib.import_module(request["module"])
            value = getattr(module, request["function"])(**request["arguments"])
            answers.write(json.dumps(value) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
