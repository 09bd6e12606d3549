"""The region that stands where benefits are late, and fills itself."""

from __future__ import annotations

from dataclasses import dataclass

from claimable_benefits.web.current import script_url


@dataclass(frozen=True, slots=True)
class Loading:
    """``fill`` is what the script asks for until it gets 200, ``page`` is where the link leads: to the page itself.

    ``reload``: the script then loads the page again, instead of putting the answer into it.
    """

    fill: str
    page: str
    reload: bool = False

    @property
    def script(self) -> str:
        """The address of the script."""
        return script_url()
