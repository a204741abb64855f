"""The process in which models run, started by its file's path: `python -I pipeline/worker/__main__.py`.

It needs what a model needs, and nothing of this project beside its own room: the interpreter may be one of an
environment that has no other of the project's libraries.
"""

import sys
import types
from pathlib import Path

if __name__ == "__main__":
    package = types.ModuleType("pipeline")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["pipeline"] = package

    from pipeline.worker import forks

    forks.serve(int(sys.argv[1]), sys.argv[2])
