"""Omneo's error answers, as exceptions that become JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_INVALID = "The given data was invalid."


class Problem(Exception):
    """An answer other than 2xx: a status, a message and, for 422, the fields at fault."""

    def __init__(self, status: int, message: str, errors: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors

    def body(self) -> dict[str, object]:
        """Return the JSON body in the shape of Omneo facts 1.8."""
        if self.errors is None:
            return {"message": self.message}
        return {"message": self.message, "errors": {name: list(messages) for name, messages in self.errors.items()}}


class Refusal(Problem):
    """A business rule refuses: 422, or the status of the switch ``refusal_status``."""


def unauthenticated() -> Problem:
    """Return the 401 for a missing or wrong token."""
    return Problem(401, "Unauthenticated.")


def missing_scope(needed: Sequence[str]) -> Problem:
    """Return the 403 for a token without the scopes that a path needs."""
    return Problem(403, f"Invalid scope(s) provided. This needs {' and '.join(needed)}.")


def not_found(what: str) -> Problem:
    """Return the 404 for a thing that is not there."""
    return Problem(404, f"No such {what}.")


def bad_request(why: str) -> Problem:
    """Return the 400 for a request that cannot be read at all."""
    return Problem(400, why)


def invalid(**errors: str) -> Problem:
    """Return the 422 that names the fields at fault."""
    return invalid_fields({name: [messages] for name, messages in errors.items()})


def refused(**errors: str) -> Refusal:
    """Return the refusal of a business rule, which names the fields at fault."""
    return Refusal(422, _INVALID, {name: [messages] for name, messages in errors.items()})


def invalid_fields(errors: Mapping[str, Sequence[str]]) -> Problem:
    """Return the 422 for fields whose names are not Python names."""
    return Problem(422, _INVALID, errors)
