"""``python -m common.cli`` is ``vayu``."""

from common.cli import main

if __name__ == "__main__":
    main(prog_name="vayu")
