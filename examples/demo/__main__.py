"""What does the demo play, in which order?"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from examples.demo import acts, stage
from examples.demo.screen import Screen
from tenure.errors import TenureError

PROJECT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Play the demo; return 0 if everything happened that it promises, 5 otherwise."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".demo", help="where it plays")
    options = parser.parse_args()
    os.chdir(PROJECT)
    stage.forget_environment()
    screen, began, workspace, stays = Screen(), time.monotonic(), None, False
    folder = options.folder.resolve()
    screen.opening(folder)
    try:
        workspace = stage.make_workspace(folder, PROJECT)
        addresses = stage.start(workspace, screen)
        told = acts.play(workspace, addresses, screen)
        stays = options.keep
    except (TenureError, stage.NotAsPromised) as error:
        screen.failed(str(error), workspace)
        return 5
    except KeyboardInterrupt:
        return 130
    finally:
        if workspace is not None and not stays:
            stage.stop(workspace, screen)
    screen.closing(told, workspace, addresses if stays else None, time.monotonic() - began)
    return 0


if __name__ == "__main__":
    sys.exit(main())
