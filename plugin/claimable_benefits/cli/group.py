"""``flask benefits …``: the click group, with every command in it."""

from __future__ import annotations

import click

from claimable_benefits.cli.catalogue import define, issue, show
from claimable_benefits.cli.database import database
from claimable_benefits.cli.installation import doctor, settings
from claimable_benefits.cli.orders import redeem, resume, submit
from claimable_benefits.cli.staff import decide, history, reconcile, review
from claimable_benefits.cli.worker import prune, work

commands = click.Group("benefits", help="Loyalty benefits from Omneo: define, issue, redeem, submit, show.")
for command in (
    *(define, issue, show),
    *(redeem, submit, resume),
    *(reconcile, review, decide, history),
    *(work, prune, doctor, settings, database),
):
    commands.add_command(command)
