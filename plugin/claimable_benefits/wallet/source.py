"""What a wallet is read with: the ledger, Omneo's client, and a clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from claimable_benefits.ledger import Ledger
from claimable_benefits.omneo import OmneoClient


@dataclass(frozen=True, slots=True)
class WalletSource:
    """Ledger, client and clock of the caller; ``clock`` gives aware times. A worker's client has longer timeouts."""

    ledger: Ledger
    omneo: OmneoClient
    clock: Callable[[], datetime]
