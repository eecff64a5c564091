"""`python -m assay`."""

import sys

from assay.cli import main


def run() -> None:
    """Entry point of the `assay` command."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
