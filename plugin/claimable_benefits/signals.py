"""Blinker signals: what the extension did, for other code of the shop.

The sender is the Flask app, as with Flask's own signals. Receivers run after the outcome is committed; the extension
logs one that raises, and goes on. Each signal's keyword arguments are listed beside it.
"""

from __future__ import annotations

import logging
from typing import Any

from blinker import NamedSignal, Namespace

_signals = Namespace()
_log = logging.getLogger("claimable_benefits")

benefit_claimed = _signals.signal("benefit-claimed")  # claim
benefit_redeemed = _signals.signal("benefit-redeemed")  # use
benefit_refused = _signals.signal("benefit-refused")  # use, reason
redemption_rolled_back = _signals.signal("redemption-rolled-back")  # use
transaction_delivered = _signals.signal("transaction-delivered")  # order_number, transaction_id


def send(signal: NamedSignal, sender: object, **facts: Any) -> None:
    """Call every receiver. The outcome is committed: an error in one receiver changes nothing and stops no other."""
    for receiver in signal.receivers_for(sender):
        try:
            receiver(sender, **facts)
        except Exception:  # noqa: BLE001 - the shop's own code may raise anything
            _log.exception("A receiver of %s failed.", signal.name)
