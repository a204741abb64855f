"""pipeline/plain_text.py: what came from data is no link, no image and no command wherever it is shown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.plain_text import line, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see http://evil.example/x?a=b", "see hxxp[://]evil[.]example/x?a=b"),
        ("HTTPS://EVIL.COM", "hxxpS[://]EVIL[.]COM"),
        ("www.evil.com", "www[.]evil[.]com"),
        ("evil.com/login", "evil[.]com/login"),
        ("//evil.com/x.js", "//evil[.]com/x[.]js"),
        ("ana@evil.com", "ana@evil[.]com"),
        ("mailto:ana@evil.com", "mailto[:]ana@evil[.]com"),
        ("javascript:alert(1)", "javascript[:]alert(1)"),
        ("data:text/html,x", "data[:]text/html,x"),
        ("ftp://10.0.0.1", "ftp[://]10.0.0.1"),
        ("evil.xn--p1ai", "evil[.]xn--p1ai"),
        ("зло.рф", "зло[.]рф"),
        ("evil\u3002com", "evil[.]com"),
        ("evil\uff0ecom", "evil[.]com"),
        ("\uff48\uff54\uff54\uff50\uff1a\uff0f\uff0f1.2.3.4", "hxxp[://]1.2.3.4"),
        ("[click](evil.com)", "[click] (evil[.]com)"),
        ("![](//evil.com/x.png)", "![] (//evil[.]com/x[.]png)"),
        ("<img src=x onerror=alert(1)>", "< img src=x onerror=alert(1)>"),
        ("<!channel> @here", "< !channel> @ here"),
        ("<https://evil.com|click>", "< hxxps[://]evil[.]com|click>"),
        ("ht\u200btp://x", "ht\\u200btp[://]x"),
        ("gro.\u202elive", "gro.\\u202elive"),
        ("a\rBcc: b\x00", "a\\u000dBcc: b\\u0000"),
        # What our own messages say stays as it is.
        ("features.sql: column 'x' is missing", None),
        ("shop.toml: key 'gate.min_rows' = -1", None),
        ("10.5 of 100 rows (2.3 %); e.g. this. Then that.", None),
        ("models/shop/versions.toml", None),
    ],
)
def test_nothing_in_it_is_a_link(text: str, shown: str | None) -> None:
    assert plain(text) == (text if shown is None else shown)


@given(st.text(alphabet=st.sampled_from("htps:/.w@<]([aé\u200b\u202e\n\r\t 1-_x"), max_size=40))
def test_whatever_it_is_no_client_finds_a_link(text: str) -> None:
    shown = plain(text)
    assert "://" not in shown.replace("[://]", "")
    assert not re.search(r"www\.\w\w|\]\(|<[!@a-z/]", shown)
    assert not re.search("[\r\u200b\u202e]", shown)
    assert "\n" not in line(text)


@given(st.text(max_size=60))
def test_twice_is_once(text: str) -> None:
    assert plain(plain(text)) == plain(text)
