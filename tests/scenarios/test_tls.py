"""TLS parameters of a connection reach both drivers: the right server is talked to, another one is refused."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import adbc_driver_manager.dbapi as adbc
import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pipeline.databases import connections, postgres, postgres_errors
from tests.programs import HOST, give
from tests.servers import Server

ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


def certificate(name: str) -> tuple[bytes, bytes]:
    """A certificate of the loopback that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM), private


@pytest.fixture(scope="module")
def encrypting(real_server: Callable[[int], Server]) -> Iterator[Server]:
    """A server that speaks TLS, with a certificate that signs itself."""
    server = real_server(15)
    files = {"ssl_cert_file": server.folder / "tls.crt", "ssl_key_file": server.folder / "tls.key"}
    for path, content in zip(files.values(), certificate("server"), strict=True):
        path.write_bytes(content)
        path.chmod(0o600)
        give(path)
    with server.superuser() as session:
        for name, path in files.items():
            session.execute(f"ALTER SYSTEM SET {name} = '{path}'")
        session.execute("ALTER SYSTEM SET ssl = on")
        session.execute("SELECT pg_reload_conf()")
        yield server
        session.execute("ALTER SYSTEM RESET ALL")
        session.execute("SELECT pg_reload_conf()")


def encrypted(uri: str) -> list[bool]:
    """Whether SQLAlchemy's session is encrypted, and ADBC's."""
    database_url = connections.postgres(uri, "predictions")
    with postgres.engine(database_url).connect() as connection:
        first = connection.execute(sa.text(ENCRYPTED)).scalar_one()
    with postgres.connect(database_url) as session, session.cursor() as cursor:
        cursor.execute(ENCRYPTED)
        return [first, cursor.fetchone()[0]]


def test_the_server_of_the_named_certificate_is_talked_to(encrypting: Server) -> None:
    trusted = encrypting.folder / "tls.crt"
    uri = encrypting.uri("predictions", "analyst", sslmode="verify-full", sslrootcert=str(trusted))
    assert encrypted(uri) == [True, True]
    assert encrypted(encrypting.uri("predictions", "analyst", sslmode="disable")) == [False, False]


def test_a_server_with_another_certificate_is_refused(encrypting: Server, tmp_path: Path) -> None:
    other = tmp_path / "other.crt"
    other.write_bytes(certificate("other")[0])
    uri = encrypting.uri("predictions", "analyst", sslmode="verify-full", sslrootcert=str(other))
    database_url = connections.postgres(uri, "predictions")
    with pytest.raises(sa.exc.OperationalError, match="certificate verify failed"):
        postgres.engine(database_url).connect()
    with pytest.raises(adbc.Error, match="certificate verify failed") as refused:
        postgres.connect(database_url).__enter__()
    assert "Correct the connection's host and sslrootcert" in postgres_errors.remedy(refused.value)


def test_a_server_of_another_name_is_refused(encrypting: Server) -> None:
    trusted = encrypting.folder / "tls.crt"
    uri = encrypting.uri("predictions", "analyst", sslmode="verify-full", sslrootcert=str(trusted))
    database_url = connections.postgres(uri.replace(HOST, "localhost"), "predictions")
    with pytest.raises(sa.exc.OperationalError, match="does not match host name") as refused:
        postgres.engine(database_url).connect()
    assert "Correct the connection's host and sslrootcert" in postgres_errors.remedy(refused.value)
