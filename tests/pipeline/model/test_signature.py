"""pipeline/model/signature.py: where a key is configured, only versions that its holder has signed are unpickled."""

import hashlib
import json
import os
import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from pipeline.errors import UsageError
from pipeline.model import loaded_model, registry, signature
from pipeline.model.artifact import ModelError
from pipeline.registration import save
from tests.home import Home, shop_model
from tests.pipeline.model.spoiling import Trap

OPENSSF = Path(__file__).parent / "openssf"
FILES = ("MODEL_CARD.md", "manifest.json", "model.joblib", "profile.json", "reference.parquet")


def key_pair(folder: Path, curve: ec.EllipticCurve | None = None) -> tuple[Path, Path]:
    """A private key and its public one, each in a file."""
    folder.mkdir(parents=True, exist_ok=True)
    private, (secret, public) = (
        ec.generate_private_key(curve or ec.SECP256R1()),
        (folder / "s.pem", folder / "v.pem"),
    )
    secret.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    public.write_bytes(
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return secret, public


@pytest.fixture
def version(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A version that was signed when it was registered, where its signature is asked for; its folder."""
    secret, public = key_pair(tmp_path / "keys")
    monkeypatch.setenv(signature.SIGN_KEY, str(secret))
    monkeypatch.setenv(signature.VERIFY_KEY, str(public))
    return home.model("shop", *shop_model(), outcome="bought").folder


def load(home: Home) -> loaded_model.Model:
    """The champion, as a night loads it."""
    return registry.load(registry.resolve(home.path, "shop", "champion"))


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_a_signed_version_is_loaded(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, curve: ec.EllipticCurve
) -> None:
    secret, public = key_pair(tmp_path / "keys", curve)
    folder = home.model("shop", *shop_model(), outcome="bought").folder
    save.sign_version(home.path, "shop", 1, secret)
    monkeypatch.setenv(signature.VERIFY_KEY, str(public))
    assert load(home).manifest.version == 1
    assert signature.verify((folder / "model.sig").read_bytes(), folder / "model.sig") == {
        file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in FILES
    }


def test_the_files_of_a_version_are_these(version: Path) -> None:
    assert sorted(path.name for path in version.iterdir()) == sorted([*FILES, "model.sig"])


@pytest.mark.parametrize("file", FILES)
def test_any_file_that_is_not_as_it_was_signed_is_refused(home: Home, version: Path, file: str) -> None:
    path = version / file
    content = path.read_bytes()
    path.write_bytes(
        content.replace(b'"threshold": null', b'"threshold": 0.1')
        if file == "manifest.json"
        else content + b" "
    )
    with pytest.raises(ModelError, match=rf"{file}.* is not (as it was signed|the registered)"):
        load(home)
    path.unlink()
    with pytest.raises(ModelError, match=file):
        load(home)


def test_a_file_that_was_not_signed_is_refused(home: Home, version: Path) -> None:
    (version / "hook.py").write_text("")
    with pytest.raises(ModelError, match="hook.py is not as it was signed"):
        load(home)
    (version / "hook.py").unlink()
    (version / "hook.py").symlink_to(version / "model.joblib")
    with pytest.raises(ModelError, match="A model is a plain file, never a link"):
        load(home)


def test_whoever_can_write_to_git_and_has_no_key_gets_nothing_unpickled(
    home: Home, version: Path, tmp_path: Path
) -> None:
    """A hostile artefact whose pin, manifest and golden rows all agree."""
    trap = tmp_path / "sprung"
    hostile = pickle.dumps(Trap(trap))
    before = hashlib.sha256((version / "model.joblib").read_bytes()).hexdigest()
    (version / "model.joblib").write_bytes(hostile)
    for path in (version / "manifest.json", version.parent / "versions.toml"):
        path.write_text(path.read_text().replace(before, hashlib.sha256(hostile).hexdigest()))
    with pytest.raises(ModelError, match="is not as it was signed"):
        load(home)
    with pytest.raises(ModelError, match="is not as it was signed"):
        registry.resolve(home.path, "shop", "champion")
    secret, _ = key_pair(tmp_path / "theirs")
    save.sign_version(home.path, "shop", 1, secret)
    with pytest.raises(
        ModelError, match=f"not made with the key of {signature.VERIFY_KEY}=.*scoring sign shop 1"
    ):
        load(home)
    assert not trap.exists()


def test_a_signature_of_another_version_is_none_of_this_one(home: Home, version: Path) -> None:
    second = home.model("shop", *shop_model(seed=3), outcome="bought").folder
    (second / "model.sig").write_bytes((version / "model.sig").read_bytes())
    with pytest.raises(ModelError, match="is not as it was signed"):
        load(home)


def test_a_signed_folder_in_another_versions_place_is_refused(home: Home, version: Path) -> None:
    second = home.model("shop", *shop_model(seed=3), outcome="bought").folder
    for path in version.iterdir():
        (second / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ModelError, match="manifest.json is that of model shop version 1"):
        load(home)


@pytest.mark.parametrize(
    "content", [None, b"", b"{}", b'{"dsseEnvelope": {"payload": "!"}}', b"[1]", b"\xff"]
)
def test_no_signature_is_refused(home: Home, version: Path, content: bytes | None) -> None:
    path = version / "model.sig"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"(is missing, and|not a signature).*scoring sign shop 1"):
        load(home)


def test_a_byte_of_the_signature_that_is_another_one_is_refused(home: Home, version: Path) -> None:
    path = version / "model.sig"
    bundle = json.loads(path.read_text())
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = (
        "MEUC" + bundle["dsseEnvelope"]["signatures"][0]["sig"][4:-8] + "AAAAAA=="
    )
    path.write_text(json.dumps(bundle))
    with pytest.raises(ModelError, match="not made with the key of"):
        load(home)


def test_while_a_key_is_replaced_either_is_trusted(
    home: Home, version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, public = key_pair(tmp_path / "next")
    monkeypatch.setenv(signature.VERIFY_KEY, f"{os.environ[signature.VERIFY_KEY]}{os.pathsep}{public}")
    assert load(home)
    save.sign_version(home.path, "shop", 1, secret)
    assert load(home)


def test_without_a_key_nothing_is_asked(home: Home, version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(signature.VERIFY_KEY)
    (version / "model.sig").write_bytes(b"")
    assert load(home)


@pytest.mark.parametrize("name", [signature.SIGN_KEY, signature.VERIFY_KEY])
@pytest.mark.parametrize("kind", ["missing", "no key", "another kind"])
def test_a_key_that_cannot_be_used_is_named(
    home: Home, version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    path = tmp_path / "key.pem"
    if kind == "no key":
        path.write_text("nothing")
    if kind == "another kind":
        other = ed25519.Ed25519PrivateKey.generate()
        pem, public = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        private = serialization.PrivateFormat.PKCS8
        path.write_bytes(
            other.public_key().public_bytes(pem, public)
            if name == signature.VERIFY_KEY
            else other.private_bytes(pem, private, serialization.NoEncryption())
        )
    monkeypatch.setenv(name, str(path))
    with pytest.raises(UsageError, match=rf"{name}={path}: no.*openssl"):
        load(home) if name == signature.VERIFY_KEY else save.sign_version(home.path, "shop", 1, path)


def test_what_openssfs_own_tool_has_signed_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """By `model_signing sign key` 1.1.1, over a.txt and b.json."""
    monkeypatch.setenv(signature.VERIFY_KEY, str(OPENSSF / "verify.pem"))
    path = OPENSSF / "model.sig"
    assert signature.verify(path.read_bytes(), path) == {
        "a.txt": hashlib.sha256(b"a\n").hexdigest(),
        "b.json": hashlib.sha256(b"b\n").hexdigest(),
    }
