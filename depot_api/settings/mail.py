"""Mail to the depot's administrators, by the SMTP server that ``depot.toml`` names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage

TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Mail:
    """``tls``: ``starttls`` (the server's certificate is checked), ``tls`` from the first byte, or ``none``."""

    host: str
    sender: str
    to: Sequence[str]
    port: int = 587
    tls: str = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.tls not in ("starttls", "tls", "none"):
            raise ValueError(f"[mail] tls = {self.tls!r}, must be starttls, tls or none")
        if not 1 <= self.port <= 65_535:
            raise ValueError(f"[mail] port = {self.port!r}, must be 1 to 65535")
        for address in (self.sender, *self.to):
            if "@" not in address or not address.isprintable() or not address.isascii():
                raise ValueError(f"[mail] {address[:100]!r}, must be a mail address")
        if not self.to:
            raise ValueError("[mail] to is empty, must name an administrator's address")
        if self.password is not None and self.tls == "none":
            raise ValueError("[mail] tls = 'none' with a password, must be starttls or tls: it would go in the clear")

    def send(self, subject: str, text: str) -> None:
        """Hand one message over. Raises ``OSError`` where the server does not take it."""
        import smtplib  # with TLS, for the depot alone: the command line reads roles through this room's door
        import ssl

        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, ", ".join(self.to), subject
        message.set_content(text)
        context = None if self.tls == "none" else ssl.create_default_context()
        server = (
            smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=context)
            if self.tls == "tls"
            else smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)
        )
        with server:
            if self.tls == "starttls":
                server.starttls(context=context)
            if self.user is not None:
                server.login(self.user, self.password or "")
            server.send_message(message)
