"""The tills of the store use benefits at Omneo, which the shop does not see."""

from __future__ import annotations

from uuid import uuid4

import requests

from chaos.processes.omneo_seed import TOKEN

TILL_PREFIX = "TILL-"  # of the references of uses in the store


class Tills:
    """Tills that reach Omneo without faults. ``uses`` counts what they have used."""

    def __init__(self, url: str, benefits: dict[tuple[str, str], tuple[str, str]]) -> None:
        self._api = f"{url}/api/v3"
        self._profiles = {benefit: profile for profile, benefit in benefits.values()}
        self.uses = 0

    def use(self, _customer: str, benefit: str) -> None:
        """Use a benefit up to three times, while it has remaining uses."""
        address = f"{self._api}/profiles/{self._profiles[benefit]}/benefits/{benefit}/redemptions"
        for _ in range(3):
            body = {"external_id": f"{TILL_PREFIX}{uuid4()}", "timezone": "UTC"}
            answer = requests.post(address, json=body, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20)
            if answer.status_code != 201:
                return
            self.uses += 1
