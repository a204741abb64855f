"""The web server does not start where others would reach it, and it is not ready for them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.web import refusal

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_this_machine_may_have_all(address: str) -> None:
    assert refusal(address, simple=True, encrypted=False) is None


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "::", "192.168.1.7", "10.0.0.1", "localhost.example.org", "db", "*", " "]
)
def test_others_need_users_and_encryption(address: str) -> None:
    simple = refusal(address, simple=True, encrypted=True)
    assert simple is not None
    assert f"will not start at {address}:" in simple
    assert "Add docker-compose.production.yaml" in simple
    plain = refusal(address, simple=False, encrypted=False)
    assert plain is not None
    assert "Set AIRFLOW__API__SSL_CERT" in plain
    assert refusal(address, simple=False, encrypted=True) is None


def test_the_command_ends_with_the_reason(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    # Nobody says where it is published: what it binds to counts, which is everywhere.
    command = [sys.executable, "-m", "deploy.web"]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == refusal("0.0.0.0", simple=True, encrypted=False)
    assert "Traceback" not in ended.stderr
