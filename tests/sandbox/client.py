"""A clock to turn and a client to speak with, for tests of the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from claimable_benefits.sandbox import create_sandbox
from claimable_benefits.sandbox.demo.seed import apply_seed
from claimable_benefits.sandbox.state.request_state import sandbox

TOKEN = "sandbox-token"
NOON = datetime(2026, 6, 15, 2, 0, 0, tzinfo=UTC)  # noon in Melbourne, where winter is UTC+10
ZONE = "Australia/Melbourne"


class ManualClock:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        """Move the clock by a timedelta's arguments."""
        self.now += timedelta(**by)


class Reply:
    """A status and the JSON that came with it."""

    def __init__(self, status: int, json: Any) -> None:
        self.status = status
        self.json = json

    @property
    def data(self) -> Any:
        """Return what the envelope holds."""
        return self.json["data"]

    @property
    def fields(self) -> list[str]:
        """Return the fields a 422 names."""
        return sorted(self.json.get("errors", {}))


class SandboxClient:
    """A sandbox, its clock, and short words for long requests."""

    def __init__(self, *, seed: Any = "empty", **options: Any) -> None:
        self.clock = ManualClock()
        self.app: Flask = create_sandbox(seed=seed, clock=self.clock, **options)
        self.client: FlaskClient = self.app.test_client()

    def renew(self, seed: str) -> None:
        """Go back to a seed, with nothing set and the clock at noon."""
        self.clock.now = NOON
        with sandbox(self.app).store.connection() as db:
            db.execute("DELETE FROM settings")
            apply_seed(sandbox(self.app), db, seed, reset=True)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Reply:
        """Send a request; paths are the API's unless they start with ``/_sandbox``."""
        full = path if path.startswith("/_sandbox") else f"/api/v3{path}"
        headers = {"Authorization": f"Bearer {TOKEN}"} | options.pop("headers", {})
        sent = {"json": body} if body is not None else {}
        with self.client.open(full, method=method, headers=headers, **sent, **options) as answer:
            return Reply(answer.status_code, answer.get_json(silent=True))

    def get(self, path: str, **query: Any) -> Reply:
        """Read."""
        return self.call("GET", path, query_string=query)

    def post(self, path: str, body: Any = None) -> Reply:
        """Make."""
        return self.call("POST", path, body)

    def put(self, path: str, body: Any) -> Reply:
        """Change."""
        return self.call("PUT", path, body)

    def delete(self, path: str) -> Reply:
        """Remove."""
        return self.call("DELETE", path)

    def switch(self, **values: str) -> None:
        """Set switches."""
        assert self.put("/_sandbox/switches", values).status == 200

    def state(self) -> Any:
        """Return everything the sandbox holds."""
        return self.get("/_sandbox/state").json

    def profile(self, **fields: Any) -> str:
        """Make a profile and return its id."""
        return str(self.post("/profiles", fields).data["id"])

    def define(self, handle: str = "gift", **fields: Any) -> Any:
        """Make a definition that anybody may claim, and return it."""
        usual = {"name": "Gift", "handle": handle, "period": 30, "max_redemptions": 1}
        reply = self.post("/benefit-definitions", usual | {"is_claimable": True, "is_published": True} | fields)
        assert reply.status == 201, reply.json
        return reply.data

    def issue(self, definition: Any, profile: str, **fields: Any) -> Any:
        """Issue a benefit and return it."""
        usual = {"benefit_definition_id": definition["id"], "profile_id": profile, "timezone": ZONE}
        reply = self.post("/benefits", usual | {"issued_at": "2026-06-15 09:00:00"} | fields)
        assert reply.status == 201, reply.json
        return reply.data

    def claim(self, profile: str, definition: str = "gift", **fields: Any) -> Reply:
        """Claim by handle."""
        return self.post(f"/profiles/{profile}/benefits/claim", {"definition": definition, "timezone": ZONE} | fields)

    def redeem(self, benefit: Any, **fields: Any) -> Reply:
        """Use a benefit in the guide's way."""
        path = f"/profiles/{benefit['profile_id']}/benefits/{benefit['id']}/redemptions"
        return self.post(path, {"issued_at": "2026-06-15 12:00:00", "timezone": ZONE} | fields)

    def order(self, **fields: Any) -> Reply:
        """Record a transaction."""
        return self.post("/transactions", ORDER | fields)


ORDER = {"total": 89.99, "transacted_at": "2026-06-15 12:05:00", "timezone": ZONE, "items": None}
