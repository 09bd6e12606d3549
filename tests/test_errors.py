"""The errors: the tree that is drawn is the tree that is, and none of them tells a secret."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import httpx
import pytest

from claimable_benefits import errors
from claimable_benefits.errors import (
    AuthenticationError,
    BenefitsError,
    ConnectionFailed,
    Declined,
    InvalidResponse,
    NotApplied,
    OmneoError,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
    SettingsError,
)
from claimable_benefits.omneo import OmneoClient

TOKEN = "tok-5ecret-0815"
BRANCH = re.compile(r"^(?P<indent>[│ ]*)(?:[├└]── )?(?P<name>[A-Z]\w+)(?:\s{2,}(?P<sentence>\S.*))?$")


def drawn() -> dict[str, str | None]:
    """Each name in the docstring's tree with the name it hangs on."""
    path: list[str] = []
    tree: dict[str, str | None] = {}
    for line in inspect.cleandoc(errors.__doc__ or "").splitlines():
        found = BRANCH.match(line)
        if found is None:
            continue
        depth = len(found["indent"]) // 4 + ("── " in line)
        path[depth:] = [found["name"]]
        tree[found["name"]] = path[depth - 1] if depth else None
    return tree


def actual() -> dict[str, str | None]:
    classes = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if cls.__module__ == errors.__name__]
    ours = {cls.__name__ for cls in classes}
    return {
        cls.__name__: next((base.__name__ for base in cls.__bases__ if base.__name__ in ours), None) for cls in classes
    }


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    assert actual() == drawn()


def test_one_root_catches_everything() -> None:
    assert [name for name in actual() if not issubclass(getattr(errors, name), BenefitsError)] == []


def test_every_error_says_in_its_docstring_what_it_means() -> None:
    assert [name for name in actual() if not (getattr(errors, name).__doc__ or "").strip()] == []


def test_an_error_of_omneo_names_request_and_status() -> None:
    error = OmneoError("No.", request="GET /benefits", status=500)

    assert str(error) == "No. (GET /benefits 500)"
    assert str(OmneoError("No.", request="GET /benefits")) == "No. (GET /benefits)"
    assert str(OmneoError("No.")) == "No."


def test_a_setting_is_named_with_its_remedy() -> None:
    error = SettingsError("OMNEO_TOKEN", "is not set.", "Set it.")

    assert str(error) == "OMNEO_TOKEN: is not set. Set it."
    assert (error.key, error.problem, error.remedy) == ("OMNEO_TOKEN", "is not set.", "Set it.")


def test_a_no_to_a_shopper_carries_its_code_its_sentence_and_its_facts() -> None:
    error = Declined("benefit_gone", "It is gone.", use_id="7")

    assert (error.reason, error.shopper_message, error.facts) == ("benefit_gone", "It is gone.", {"use_id": "7"})


def test_a_refusals_words_hold_every_field_once() -> None:
    error = Rejected("Invalid. A is wrong.", status=422, fields={"a": ("A is wrong.",), "b": ("B is.", "B was.")})

    assert error.words == "Invalid. A is wrong. B is. B was."


def answering(status: int, **body: object) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(status, json=body, request=request)


def failing(kind: type[httpx.TransportError]) -> Callable[[httpx.Request], httpx.Response]:
    def fail(request: httpx.Request) -> httpx.Response:
        raise kind(f"{request.headers['Authorization']} to {request.url}")

    return fail


ANSWERS: dict[str, tuple[Callable[[httpx.Request], httpx.Response], type[OmneoError], type[OmneoError]]] = {
    "401": (answering(401, message="Unauthenticated."), AuthenticationError, AuthenticationError),
    "403": (answering(403), PermissionDenied, PermissionDenied),
    "429": (answering(429), RateLimited, RateLimited),
    "422": (answering(422, message="Invalid.", errors={"a": ["wrong"]}), Rejected, Rejected),
    "500": (answering(500), NotApplied, OutcomeUnknown),
    "no data": (answering(200, nothing=True), InvalidResponse, OutcomeUnknown),
    "refused": (failing(httpx.ConnectError), ConnectionFailed, ConnectionFailed),
    "torn": (failing(httpx.RemoteProtocolError), ConnectionFailed, OutcomeUnknown),
    "late": (failing(httpx.ReadTimeout), ConnectionFailed, OutcomeUnknown),
}


@pytest.mark.parametrize(("answer", "of_a_read", "of_a_write"), ANSWERS.values(), ids=ANSWERS)
def test_no_error_shows_the_token(
    answer: Callable[[httpx.Request], httpx.Response], of_a_read: type[OmneoError], of_a_write: type[OmneoError]
) -> None:
    transport = httpx.MockTransport(answer)
    client = OmneoClient("https://omneo.example/api/v3", TOKEN, timezone="UTC", dialect="guide", transport=transport)

    with pytest.raises(OmneoError) as read:
        client.benefits("mia")
    with pytest.raises(OmneoError) as written:
        client.reverse("159")
    client.close()

    shown = [f"{error!r} {error} {vars(error)} {error.__cause__!r}" for error in (read.value, written.value)]
    assert (type(read.value), type(written.value)) == (of_a_read, of_a_write)
    assert [text for text in shown if TOKEN in text or "Bearer" in text] == []
