"""Text files that people write: UTF-8, with or without the mark that some editors put before it."""

import codecs

_OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


class TextError(ValueError):
    """Bytes that are no text in UTF-8."""


def lines(content: bytes) -> str:
    """The text of a file's bytes, each line of it ended by a line feed alone.

    Raises:
        TextError: they are no UTF-8.
    """
    return decoded(content).replace("\r\n", "\n").replace("\r", "\n")


def decoded(content: bytes) -> str:
    """The text of a file's bytes, without a byte order mark (BOM) before it.

    Raises:
        TextError: they are no UTF-8; it says what they seem to be.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        mark = next((name for begin, name in _OTHER_MARKS.items() if content.startswith(begin)), None)
        what = f"it has the byte order mark (BOM) of {mark}" if mark else str(error)
        raise TextError(f"{what}. Save it as UTF-8.") from None
