"""Start Airflow's web server, unless others than this machine could reach it and it is not ready for them.

    python -m deploy.web

Airflow's SimpleAuthManager knows one administrator by a password in a file, and no roles to give or take: it is for
the machine that it runs on. And no password may cross a network as plain text.
"""

import os
import sys
from ipaddress import ip_address

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.configuration import conf


def main() -> None:
    """Become the web server, or end with the reason why not."""
    address = os.environ.get("UI_ADDRESS") or conf.get("api", "host")
    manager = conf.getimport("core", "auth_manager")
    encrypted = bool(conf.get("api", "ssl_cert", fallback=""))
    if reason := refusal(address, simple=issubclass(manager, SimpleAuthManager), encrypted=encrypted):
        sys.exit(reason)
    os.execvp("airflow", ["airflow", "api-server"])  # noqa: S606 - no shell on purpose


def refusal(address: str, *, simple: bool, encrypted: bool) -> str | None:
    """Why the web UI may not be reached at an address; None where it may.

    Args:
        address: where it is published: an IP address, or a host's name.
        simple: whether users log in by Airflow's SimpleAuthManager.
        encrypted: whether the web server has a certificate.
    """
    if loopback(address):
        return None
    if simple:
        return (
            f"The web UI will not start at {address}: other machines reach it there, and SimpleAuthManager is for one "
            "machine only. Add docker-compose.production.yaml, which has users and roles, or set UI_ADDRESS=127.0.0.1."
        )
    if not encrypted:
        return (
            f"The web UI will not start at {address}: passwords would cross the network as plain text. "
            "Set AIRFLOW__API__SSL_CERT and AIRFLOW__API__SSL_KEY, or UI_ADDRESS=127.0.0.1."
        )
    return None


def loopback(address: str) -> bool:
    """Whether only this machine reaches an address. Of a name, only `localhost` is known to be one."""
    try:
        return ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address == "localhost"


if __name__ == "__main__":
    main()
