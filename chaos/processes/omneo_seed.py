"""Fill the sandbox with benefits before its processes start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chaos.plan.plan import ACCOUNT_BENEFITS, BENEFITS, CLAIMABLE
from claimable_benefits.sandbox import create_sandbox, serve_sandbox
from claimable_benefits.sandbox.testing_kit.builders import OmneoSandbox
from example_shop.customers.demo_shoppers import CROWD_FROM

TOKEN = "chaos-token"


def seed_benefits(
    folder: Path, shoppers: int, zone: str, switches: Mapping[str, str]
) -> dict[tuple[str, str], tuple[str, str]]:
    """Issue every benefit to every shopper; return (profile id, benefit id) by (customer, handle).

    ``switches`` stay with the folder, so every process over it serves the same tenant.
    """
    app = create_sandbox(data=folder, token=TOKEN, seed="empty", timezone=zone, switches=switches)
    omneo = OmneoSandbox(serve_sandbox(app))
    try:
        issued = BENEFITS | ACCOUNT_BENEFITS
        for handle, uses in issued.items():
            omneo.definition(handle, uses=uses)
        for handle in CLAIMABLE.values():
            omneo.definition(handle, is_claimable=True, is_reclaimable=True)
        made = {}
        for customer in map(str, range(CROWD_FROM, CROWD_FROM + shoppers)):
            shopper = omneo.shopper(customer, first_name="Shopper", last_name=customer)
            for handle in issued:
                shopper.holds(handle)
            for held in omneo.benefits_of(customer):
                made[customer, held["definition"]["handle"]] = (shopper.profile_id, str(held["id"]))
        return made
    finally:
        omneo.close()
