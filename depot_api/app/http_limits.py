"""HTTP as the depot speaks it: uvicorn's own, with an end to what it reads before anybody is asked who sends it.

Without one, a head without an end fills the memory, and a body in pieces of a byte costs a core for minutes. A proxy in
front has limits of its own; the depot does not rely on it.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: A request's line and headers, together.
MOST_HEAD_BYTES = 65_536
#: Pieces (chunks) of a body from which on they must hold ``LEAST_PIECE_BYTES`` on average.
FREE_PIECES, LEAST_PIECE_BYTES = 1_000, 64
MOST_TRAILERS = 20


class LimitedHttp(HttpToolsProtocol):
    """Answers 400 and hangs up where a limit is passed."""

    _head_bytes = _pieces = _body_bytes = _trailers = 0
    _in_body = _completed = False

    def data_received(self, data: bytes) -> None:
        self._completed = False
        super().data_received(data)
        if not self._in_body and not self._completed:  # all of it was of a head
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response(f"the head is longer than {MOST_HEAD_BYTES} bytes")

    def on_headers_complete(self) -> None:
        self._in_body = True
        super().on_headers_complete()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_body:
            self._trailers += 1
            if self._trailers > MOST_TRAILERS:
                raise ValueError("too many trailers")
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._pieces += 1
        self._body_bytes += len(body)
        if self._pieces > FREE_PIECES and self._body_bytes < self._pieces * LEAST_PIECE_BYTES:
            raise ValueError("the body comes in pieces too small")
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = self._pieces = self._body_bytes = self._trailers = 0
        self._in_body, self._completed = False, True
        super().on_message_complete()
