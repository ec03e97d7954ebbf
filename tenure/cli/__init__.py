"""The command `tenure`: thin doors to the library, one file a group of verbs."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    from tenure.cli.app import run

    sys.exit(run(sys.argv[1:]))
