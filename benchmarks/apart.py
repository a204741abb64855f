"""Environments of the benchmarks' own, for what nobody needs in production."""

import subprocess
import sys
from pathlib import Path

from benchmarks.ground import ROOT


def install(name: str, *options: str) -> Path:
    """Bring `.local/<name>` to what benchmarks/<name>.txt asks for; returns its folder."""
    folder = ROOT / ".local" / name
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    wanted = Path(__file__).parent / f"{name}.txt"
    quiet = ["-qq", "--disable-pip-version-check"]
    subprocess.run([python, "-m", "pip", "install", *quiet, *options, "-r", wanted], check=True)
    return folder
