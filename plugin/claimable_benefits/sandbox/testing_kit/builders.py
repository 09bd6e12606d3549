"""Builders for tests: shoppers and their benefits, without a request, and the state to assert on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Self

from claimable_benefits.sandbox.api import definitions, grant, identities, profiles, redemptions
from claimable_benefits.sandbox.demo.people import HANDLE
from claimable_benefits.sandbox.demo.seed import apply_seed
from claimable_benefits.sandbox.faults.middleware import fault_middleware_of
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, read_kind
from claimable_benefits.sandbox.protocol.error_responses import Problem
from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.rules.redemption_rules import expiry
from claimable_benefits.sandbox.running import RunningSandbox
from claimable_benefits.sandbox.serializers.benefits import serialize_benefits
from claimable_benefits.sandbox.serializers.definitions import free_fields, serialize_definition
from claimable_benefits.sandbox.serializers.profiles import PROFILE_FIELDS
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.call_log import LoggedCall
from claimable_benefits.sandbox.state.request_state import RequestState, sandbox, snapshot_state
from claimable_benefits.sandbox.state.times import parse_wall, stamp, to_utc
from claimable_benefits.sandbox.webhooks.sender import webhook_sender

Moment = datetime | str
"""An aware datetime, or ``YYYY-MM-DD HH:MM:SS`` on the tenant's wall clock; a date alone is its midnight."""


class OmneoSandbox:
    """A running sandbox: its addresses, a builder for what it holds, and its state to assert on."""

    def __init__(self, running: RunningSandbox) -> None:
        self.running = running
        self.app = running.app
        self.url = running.url
        self.base_url = running.base_url
        self.token = running.token

    @property
    def config(self) -> dict[str, str]:
        """Return the settings with which a shop speaks to this sandbox.

        It remembers nothing, because a test that moves the clock or a benefit wants to see that at once, and waits for
        an answer however busy the machine is.
        """
        return {
            "OMNEO_BASE_URL": self.base_url,
            "OMNEO_TOKEN": self.token,
            "OMNEO_TIMEZONE": sandbox(self.app).zone,
            "BENEFITS_CACHE_SECONDS": "0",
            "BENEFITS_PAGE_BUDGET_MS": "10000",
        }

    def clean(self) -> None:
        """Reset everything: people, definitions, switches, the clock, faults and calls."""
        self.running.faults.clear()
        self.running.faults.seed(0)
        fault_middleware_of(self.app).delayed_requests.clear()
        self.running.calls.clear()
        with self.request_state() as state:
            state.db.execute("DELETE FROM settings")
            apply_seed(sandbox(self.app), state.db, "empty", reset=True)

    def close(self) -> None:
        """Stop listening, and remove a state that was not to be kept."""
        self.running.close()
        sandbox(self.app).store.close()

    def shopper(
        self,
        customer_id: str,
        *,
        first_name: str | None = None,
        last_name: str | None = None,
        email: str | None = None,
        tier: str | None = None,
        tags: Iterable[str] = (),
        identity_handle: str = HANDLE,
        **fields: Any,
    ) -> ShopperBuilder:
        """Create a profile under the shop's own customer id; further fields are the profile's.

        :raises ValueError: when the customer id or the email is taken, or a field is none of a profile's
        """
        named = {"first_name": first_name, "last_name": last_name, "email": email, "tier_handle": tier}
        doc = {name: value for name, value in named.items() if value is not None} | {"tags": list(tags)} | fields
        identity = {"handle": identity_handle, "identifier": customer_id, "is_primary": True}
        with self.writing() as state:
            form = RequestForm({"identities": [identity]})
            row = profiles.insert_profile(state, _read_profile(doc), form)
        return ShopperBuilder(self, customer_id, row["id"])

    def definition(self, handle: str, *, uses: int | None = 1, **fields: Any) -> Body:
        """Create a definition, valid for 30 days; further fields are the definition's. ``uses=None``: unlimited.

        :raises ValueError: when the handle is taken or a field is wrong
        """
        usual = {"name": _title(handle), "period": 30, "max_redemptions": uses, "is_published": True}
        with self.writing() as state:
            return serialize_definition(
                state, definitions.insert_definition(state, RequestForm(usual | fields | {"handle": handle}))
            )

    def benefits_of(self, customer_id: str, *, identity_handle: str = HANDLE) -> list[Body]:
        """Return every benefit ever issued to a shopper, as the API shows it, used up and expired ones too."""
        with self.request_state() as state:
            profile = identities.find_profile(state, identity_handle, customer_id)
            if profile is None:
                raise ValueError(f"There is no shopper {customer_id!r}.")
            rows = state.db.execute("SELECT * FROM benefits WHERE profile_id = ? ORDER BY id", (profile["id"],))
            return serialize_benefits(state, rows.fetchall())

    def redemptions(self) -> list[Body]:
        """Return all redemptions, reversals and returns, oldest first; ``live`` counts the uses that stand."""
        return self._held("redemptions")

    def transactions(self) -> list[Body]:
        """Return all transactions, oldest first."""
        return self._held("transactions")

    def events(self) -> list[Body]:
        """Return the events, oldest first: ``trigger``, ``subject`` and ``subject_id``."""
        return self._held("events")

    def calls(self, path: str | None = None, method: str | None = None) -> list[LoggedCall]:
        """Return the calls so far, oldest first; `path` is a pattern in which ``*`` is any text."""
        return [call for call in self.running.calls.calls(path=path) if method in (None, call.method)]

    @contextmanager
    def request_state(self) -> Iterator[RequestState]:
        """Yield the state to read."""
        instance = sandbox(self.app)
        with self.app.app_context(), instance.store.connection() as db:
            yield snapshot_state(instance, db)

    @contextmanager
    def writing(self) -> Iterator[RequestState]:
        """Yield the state to write; what the sandbox refuses becomes a ValueError."""
        with self.request_state() as state:
            try:
                with state.writing():
                    yield state
            except Problem as problem:
                messages = [sentence for part in (problem.errors or {}).values() for sentence in part]
                raise ValueError(" ".join(messages or [problem.message])) from None
        webhook_sender(self.app).wake()

    def _held(self, what: str) -> list[Body]:
        with self.app.test_client() as client, client.get("/_sandbox/state") as answer:
            rows: list[Body] = answer.get_json()[what]
        return rows


class ShopperBuilder:
    """A shopper; each method changes what Omneo holds and returns the shopper for the next call."""

    def __init__(self, omneo: OmneoSandbox, customer_id: str, profile_id: str) -> None:
        self.customer_id = customer_id
        self.profile_id = profile_id
        self._sandbox = omneo

    def holds(
        self,
        handle: str,
        *,
        uses: int | None = None,
        issued: Moment | None = None,
        ends: Moment | None = None,
        code: str | None = None,
        **fields: Any,
    ) -> Self:
        """Issue a benefit; its definition is made where there is none, with ``uses`` (one) and the further fields.

        :raises ValueError: when ``uses`` or fields are given for a definition that is there already
        """
        self._ensure_definition(handle, uses, fields)
        with self._sandbox.writing() as state:
            definition = definitions.find_by_handle(state, handle)
            assert definition is not None  # noqa: S101 - it was just made
            start = state.now if issued is None else to_moment(issued, state.zone)
            given: Body = {"issued_at": stamp(start), "timezone": state.zone}
            given["expires_at"] = (
                expiry(definition, start, state.zone) if ends is None else stamp(to_moment(ends, state.zone))
            )
            codes = dict.fromkeys(("redeem_code_online", "redeem_code_pos"), code) if code is not None else {}
            grant.grant_benefit(state, definition, self.profile_id, given | codes)
        return self

    def may_claim(self, handle: str, *, uses: int | None = None, **fields: Any) -> Self:
        """Offer a benefit to this shopper alone, beside those who may claim it already."""
        self._ensure_definition(handle, uses, fields)
        with self._sandbox.writing() as state:
            row = definitions.find_by_handle(state, handle)
            assert row is not None  # noqa: S101 - it was just made
            doc = free_fields(row)
            if not row["is_claimable"]:
                doc["claim_condition"] = self._is_me()
            elif doc.get("claim_condition") is not None:
                doc["claim_condition"] = {"or": [doc["claim_condition"], self._is_me()]}
            store.update(state.db, "definitions", row["id"], {"is_claimable": True, "doc": json.dumps(doc)})
        return self

    def uses_at_the_till(self, handle: str, *, count: int = 1) -> Self:
        """Use a benefit as a cashier would, past the shop.

        :raises ValueError: when nothing is left of it
        """
        with self._sandbox.writing() as state:
            benefit = redemptions.get_usable_or_404(state, self.profile_id, handle)
            facts: Body = {"timezone": state.zone, "redeem_at": state.stamp}
            redemptions.redeem(state, self.profile_id, [(benefit, count)], facts)
        return self

    def _is_me(self) -> Body:
        return {"===": [{"var": "id"}, self.profile_id]}

    def _ensure_definition(self, handle: str, uses: int | None, fields: Body) -> None:
        with self._sandbox.request_state() as state:
            exists = definitions.find_by_handle(state, handle) is not None
        if not exists:
            self._sandbox.definition(handle, uses=1 if uses is None else uses, **fields)
        elif uses is not None or fields:
            raise ValueError(f"The definition {handle!r} is there already: leave out {', '.join(['uses', *fields])}.")


def _read_profile(doc: Body) -> Body:
    unknown = sorted(set(doc) - set(PROFILE_FIELDS))
    if unknown:
        raise ValueError(f"A profile has no {', '.join(unknown)}.")
    form = RequestForm(doc)
    read = {name: read_kind(form, name, kind) for name, kind in PROFILE_FIELDS.items() if form.has(name)}
    form.check()
    return read


def to_moment(given: Moment, zone: str) -> datetime:
    """Return a time as an aware datetime; a text is read on the wall clock of `zone`."""
    if isinstance(given, str):
        return to_utc(parse_wall(given), zone)
    if given.tzinfo is None:
        raise ValueError("A time needs its zone: give an aware datetime, or a text on the tenant's wall clock.")
    return given


def _title(handle: str) -> str:
    return handle.replace("-", " ").replace("_", " ").capitalize()
