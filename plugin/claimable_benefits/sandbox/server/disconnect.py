"""The exception that ends a connection without an answer."""

from __future__ import annotations


class ConnectionCut(ConnectionResetError):
    """The client's connection ends without an answer.

    The sandbox's own server closes the connection; an application called in this process, without a socket,
    raises this to its caller. With `abrupt` the client's system reports a reset rather than an end.
    """

    def __init__(self, *, abrupt: bool) -> None:
        super().__init__("The sandbox dropped this connection on purpose.")
        self.abrupt = abrupt
