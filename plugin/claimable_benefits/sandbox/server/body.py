"""The body of a request, read from its connection."""

from __future__ import annotations

from io import BufferedIOBase
from typing import Any

LARGEST_BODY = 1024 * 1024


class UnreadableBody(Exception):
    """A body that is not valid HTTP."""


def read_body(environ: dict[str, Any], source: BufferedIOBase) -> bytes:
    """Return a body and set its length in the environment; leave one that is too large unread, or cut it short.

    :raises Unreadable: when neither its length nor its chunks make sense
    """
    if "chunked" in environ.pop("HTTP_TRANSFER_ENCODING", "").lower():
        body = _read_chunks(source)
        environ["CONTENT_LENGTH"] = str(len(body))
        return body
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit() and len(length) < 16):
        raise UnreadableBody
    environ["CONTENT_LENGTH"] = str(int(length))
    return source.read(int(length)) if int(length) <= LARGEST_BODY else b""


def is_too_large(environ: dict[str, Any]) -> bool:
    """Return whether a body is larger than the sandbox accepts."""
    return int(environ["CONTENT_LENGTH"]) > LARGEST_BODY


def _read_chunks(source: BufferedIOBase) -> bytes:
    """Return what the chunks hold, up to a little more than the largest body."""
    body = bytearray()
    while len(body) <= LARGEST_BODY:
        size = _size(source.readline(100))
        if size == 0:
            while source.readline(65537).strip():  # trailers
                pass
            break
        body += source.read(min(size, LARGEST_BODY + 1))
        if len(body) <= LARGEST_BODY and source.readline(3).strip():
            raise UnreadableBody
    return bytes(body)


def _size(line: bytes) -> int:
    text = line.split(b";")[0].strip()
    if not text or text.strip(b"0123456789abcdefABCDEF"):
        raise UnreadableBody
    return int(text, 16)
