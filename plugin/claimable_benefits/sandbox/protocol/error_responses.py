"""The ways in which Omneo says no, as exceptions that turn into JSON answers."""

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
        return {"message": self.message, "errors": {name: list(said) for name, said in self.errors.items()}}


class Refusal(Problem):
    """The no of a business rule: a 422, unless the switch ``refusal_status`` says another one."""


def unauthenticated() -> Problem:
    """Return the 401 for a missing or wrong token."""
    return Problem(401, "Unauthenticated.")


def unscoped(needed: Sequence[str]) -> Problem:
    """Return the 403 for a token without the scopes that a path needs."""
    return Problem(403, f"Invalid scope(s) provided. This needs {' and '.join(needed)}.")


def missing(what: str) -> Problem:
    """Return the 404 for a thing that is not there."""
    return Problem(404, f"No such {what}.")


def malformed(why: str) -> Problem:
    """Return the 400 for a request that cannot be read at all."""
    return Problem(400, why)


def invalid(**errors: str) -> Problem:
    """Return the 422 that names the fields at fault."""
    return invalid_fields({name: [said] for name, said in errors.items()})


def refused(**errors: str) -> Refusal:
    """Return the no of a business rule, which names the fields it is about."""
    return Refusal(422, _INVALID, {name: [said] for name, said in errors.items()})


def invalid_fields(errors: Mapping[str, Sequence[str]]) -> Problem:
    """Return the 422 for fields whose names are not Python names."""
    return Problem(422, _INVALID, errors)
