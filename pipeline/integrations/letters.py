"""Mails: the same message as text and as HTML with real links, by the mail server that an Apprise address names.

Apprise sends either, and makes the text of a mail from its HTML, so that links and commands get lost in it.
"""

import re
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from email.utils import formataddr, formatdate, make_msgid
from typing import Any

from markupsafe import Markup, escape

# One line of a message that is a link: what it leads to, and its address.
_LABELLED = re.compile(r"(?P<label>[^:\n]{1,60}): (?P<url>https?://\S+)")
_URL = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:)]")
_PAGE = Markup(
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
    '<meta name="viewport" content="width=device-width"><title>{title}</title></head>\n'
    '<body style="font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:0;padding:16px">\n{body}\n</body></html>\n'
)
_MESSAGE = Markup(
    '<div style="border-left:4px solid #b35900;padding-left:14px"><h1 style="font-size:18px;margin:0 0 8px">{title}'
    "</h1>\n{body}\n</div>"
)
_PARAGRAPH = Markup('<p style="margin:0 0 12px">{lines}</p>')
_LIST = Markup('<ul style="margin:0 0 12px;padding-left:20px">{entries}</ul>')
_COMMAND = Markup(
    '<pre style="margin:0 0 12px;padding:8px 12px;border:1px solid #8b949e66;border-radius:4px;white-space:pre-wrap;'
    'font:14px/1.5 ui-monospace,monospace">{lines}</pre>'
)
_LINK = Markup('<a href="{url}">{label}</a>')


def is_mail(service: Any) -> bool:
    """Whether an Apprise service is a mail server to which letters can be sent as they are made here."""
    from apprise.plugins.email.base import PGP_MODE_DEFAULT, NotifyEmail

    return type(service) is NotifyEmail and service.pgp_mode == PGP_MODE_DEFAULT


def where(service: Any) -> str:
    """Who gets a service's mails, and by which server."""
    people = ", ".join(address for _, address in service.targets)
    return f"mail to {people} by {service.smtp_host}:{service.port}"


def send(service: Any, subject: str, messages: Sequence[tuple[str, str]]) -> None:
    """Send messages as one letter to each of a service's recipients.

    Raises:
        ValueError: the address has no recipient, or a value that no mail can have.
        OSError: the server was not reached, or refused (smtplib.SMTPException).
    """
    if not service.targets:  # Apprise leaves out what is no mail address
        raise ValueError("the address names nobody who can get mail")
    with _server(service) as server:
        for recipient in service.targets:
            letter = compose(subject, messages)
            name, sender = service.from_addr
            letter["From"] = formataddr((name or "", sender))
            letter["To"] = formataddr((recipient[0] or "", recipient[1]))
            letter["Date"] = formatdate(localtime=True)
            letter["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
            for header, people in (("Cc", service.cc), ("Reply-To", service.reply_to)):
                if people:
                    letter[header] = ", ".join(sorted(people))
            for header, value in service.headers.items():
                letter[header] = value
            to = {recipient[1], *service.cc, *service.bcc}
            if refused := server.send_message(letter, sender, sorted(to)):
                raise smtplib.SMTPRecipientsRefused(refused)


def compose(subject: str, messages: Sequence[tuple[str, str]]) -> EmailMessage:
    """Title and body of each of some messages as one letter, as text and as HTML."""
    letter = EmailMessage()
    letter["Subject"] = " ".join(subject.split())
    several = len(messages) > 1
    texts = ["\n\n".join(message) if several else message[1] for message in messages]
    letter.set_content("\n\n----\n\n".join(texts) + "\n", cte="quoted-printable")
    letter.add_alternative(html(subject, messages), subtype="html", cte="quoted-printable")
    return letter


def html(subject: str, messages: Sequence[tuple[str, str]]) -> str:
    """Messages as a page: what is typed and what is linked stand out, and nothing is fetched."""
    parts = [
        _MESSAGE.format(title=title, body=Markup("\n").join(_paragraphs(body))) for title, body in messages
    ]
    return str(_PAGE.format(title=subject, body=Markup("\n<hr>\n").join(parts)))


def reason(error: OSError) -> str:
    """Why a server was not reached or what it refused, in its own words."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        refusals = ((address, *answer) for address, answer in error.recipients.items())
        return "; ".join(f"{address}: {code} {_text(said)}" for address, code, said in refusals)
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return error.strerror or str(error) or type(error).__name__


def _server(service: Any) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if not service.verify_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    host, port, seconds = service.smtp_host, service.port, service.socket_connect_timeout
    if service.secure_mode == "ssl":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=seconds, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=seconds)
    try:
        if service.secure_mode == "starttls":
            server.starttls(context=context)
        if service.user and service.password:
            server.login(service.user, service.password)
    except OSError:
        server.close()
        raise
    return server


def _paragraphs(body: str) -> Iterator[Markup]:
    for paragraph in body.split("\n\n"):
        lines: list[str] = []
        kind = ""
        for line in [*paragraph.splitlines(), None]:
            own = "" if line is None else next((mark for mark in ("- ", "$ ") if line.startswith(mark)), "")
            if lines and (line is None or own != kind):
                yield _block(kind, lines)
                lines = []
            kind = own
            lines.append((line or "").removeprefix(own))


def _block(kind: str, lines: Sequence[str]) -> Markup:
    if kind == "$ ":
        return _COMMAND.format(lines="\n".join(lines))
    if kind == "- ":
        return _LIST.format(
            entries=Markup("").join(Markup("<li>{}</li>").format(_linked(line)) for line in lines)
        )
    return _PARAGRAPH.format(lines=Markup("<br>\n").join(map(_linked, lines)))


def _linked(line: str) -> Markup:
    """A line with its addresses as links; there are none in it but ours (pipeline/plain_text.py)."""
    if labelled := _LABELLED.fullmatch(line):
        return _LINK.format(**labelled.groupdict())
    linked, end = Markup(""), 0
    for match in _URL.finditer(line):
        linked += escape(line[end : match.start()]) + _LINK.format(url=match[0], label=match[0])
        end = match.end()
    return linked + escape(line[end:])


def _text(said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return " ".join(text.split())
