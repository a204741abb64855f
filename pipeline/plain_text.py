"""Text that came from data, made so that no program which shows it takes any of it for a link, an image or a command.

Mail clients and chats turn into links whatever looks like an address, however it was sent. So addresses are written as
analysts of malware write them, `hxxps[://]evil[.]example`: a person can read them, and nothing opens them.
"""

import re
import unicodedata

# Where browsers and clients see a colon, a slash or a full stop.
_COLON, _SLASH, _DOT = (
    "[:\uff1a\ufe55\ufe13]",
    r"[/\\\uff0f\u2044\u2215]",
    "[.\u3002\uff0e\uff61\u2024\ufe52]",
)
_SCHEME = re.compile(rf"([\w+.-]*){_COLON}({_SLASH}{{2}})")
_OPAQUE = re.compile(
    rf"\b(mailto|tel|sms|sip|skype|magnet|data|javascript|vbscript|file|xmpp|callto){_COLON}(?=\S)",
    re.IGNORECASE,
)
# A full stop before what may be a top-level domain: two letters or more, or Punycode.
_DOMAIN = re.compile(
    rf"(?<=[^\W_]){_DOT}(?=(xn--[a-z0-9-]+|[^\W\d_]{{2,63}})(?!\w)({_DOT}\w|{_SLASH})?)", re.IGNORECASE
)
# Endings of files that messages name, and no top-level domains.
_FILES = {"toml", "sql", "json", "joblib", "parquet", "txt", "csv", "html"}
# Markdown's links, HTML's tags and Slack's commands, and mentions that wake everybody.
_MARKS = re.compile(r"(\](?=[(\[])|<(?=[!@#/?a-z])|@(?=here|channel|everyone|all))", re.IGNORECASE)

# With what a line begins that messages give a meaning (pipeline/integrations/letters.py).
_STRUCTURE = re.compile(r"^(?=[$-])", re.MULTILINE)


def plain(text: str) -> str:
    """The same text for a person to read, with no link, markup or control character in it."""
    text = visible(text)
    text = _SCHEME.sub(_defang, text)
    text = _OPAQUE.sub(r"\1[:]", text)
    text = _DOMAIN.sub(_break_domain, text)
    return _MARKS.sub(r"\1 ", text)


def line(text: str) -> str:
    """The same, on one line."""
    return plain(" ".join(text.split()))


def paragraph(text: str) -> str:
    """The same as paragraphs of a message, of which no line is a command to type, an entry of a list or a rule."""
    return _STRUCTURE.sub("  ", plain(text))


def visible(text: str) -> str:
    """The same text with every character named that a terminal obeys, or that hides what is beside it."""
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    """What has no shape of its own could hide what stands beside it, or turn it round: it is named."""
    if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
        return character
    return f"\\u{ord(character):04x}"


def _defang(match: re.Match[str]) -> str:
    scheme = unicodedata.normalize("NFKC", match[1])
    return f"{re.sub('^http', 'hxxp', scheme, flags=re.IGNORECASE)}[://]"


def _break_domain(match: re.Match[str]) -> str:
    return match[0] if match[1].lower() in _FILES and not match[2] else "[.]"
