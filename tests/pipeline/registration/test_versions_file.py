"""versions.toml keeps every line but those that change."""

import re

import pytest

from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.registration.versions_file import point
from tests.home import Home, shop_model


def test_promoting_a_model_changes_one_line_and_keeps_what_it_said(home: Home) -> None:
    home.model("shop", *shop_model())
    path = home.path / "models" / "shop" / "versions.toml"
    path.write_text(path.read_text().replace("champion = 1", "# approved by the risk board\nchampion = 1"))
    before = path.read_text().splitlines()
    home.model("shop", *shop_model(seed=1))
    after = path.read_text().splitlines()
    assert [line for line in before if line not in after] == ["champion = 1"]
    assert [line for line in after if line not in before][1:] == [
        "champion = 2",
        "champion_previous = 1",
    ]


VERSIONS = {
    "no blank lines": "[versions]\n[aliases]\n",
    "a comment that names a section": "# jobs name what stands below [aliases]\n[versions]\n\n[aliases]\n",
    "comments after the headers": '[versions] # all\n1 = "a"\n\n[aliases] # of jobs\nchampion = 1 # since May\n',
    "another order": '[aliases]\nchampion = 1\n[versions]\n1 = "a"',
    "other spaces": '[versions]\n1="a"\n[aliases]\n\nchampion\t=  1\n\n\n',
    "quoted keys, indented": '[versions]\n  "1" = "a"\n[ aliases ]\n  "champion" = 1 # since May\n',
    "nothing": "",
    "windows": '[versions]\r\n1 = "a"\r\n\r\n[aliases]\r\nchampion = 1\r\n',
}


@pytest.mark.parametrize("kind", VERSIONS)
def test_however_the_versions_are_laid_out_a_new_one_is_added_to_them(home: Home, kind: str) -> None:
    path = home.path / "models" / "shop" / "versions.toml"
    path.parent.mkdir()
    path.write_bytes(VERSIONS[kind].encode())
    before, former = registry.versions(home.path, "shop")
    pinned = home.model("shop", *shop_model())
    number = pinned.manifest.version
    kept = {f"{alias}_previous": version for alias, version in former.items()}
    assert registry.versions(home.path, "shop") == (
        {**before, number: pinned.sha256},
        {**kept, "champion": number},
    )
    comments = re.findall("#.*", VERSIONS[kind])
    assert re.findall("#.*", path.read_text()) == comments


@pytest.mark.parametrize("text", ["aliases = { champion = 1 }\n", "aliases.champion = 1\n"])
def test_a_version_that_cannot_be_pinned_leaves_nothing(home: Home, text: str) -> None:
    store = home.path / "models" / "shop"
    store.mkdir()
    (store / "versions.toml").write_text(text)
    with pytest.raises(ModelError, match="cannot be changed as the file is laid out, and nothing was"):
        home.model("shop", *shop_model())
    assert [path.name for path in store.iterdir()] == ["versions.toml"]
    assert (store / "versions.toml").read_text() == text


@pytest.mark.parametrize(
    "text", ['aliases = { champion = 1 }\n[versions]\n1 = "a"\n', "aliases.champion = 1\n"]
)
def test_a_layout_that_a_line_would_break_is_left_as_it_is(home: Home, text: str) -> None:
    path = home.path / "models" / "shop" / "versions.toml"
    path.parent.mkdir()
    path.write_text(text)
    proof = path.parent / "promotions" / "champion-2.json"
    with pytest.raises(
        ModelError, match="champion cannot be changed as the file is laid out, and nothing was"
    ):
        point(home.path, "shop", "champion", 1, 2, (proof, b"{}"))
    assert path.read_text() == text
    assert not proof.exists()
