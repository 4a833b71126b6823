"""python -m benchmarks.replay.vayu POOLED …: the command ``vayu …``, with another file of pooled models."""

import sys
from pathlib import Path

from common.cli import main
from common.training import pooled

if __name__ == "__main__":
    pooled.SHIPPED = Path(sys.argv.pop(1))
    main(prog_name="vayu")
