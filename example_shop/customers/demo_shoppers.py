"""The customers who can sign in. Omneo knows them by the same customer ids."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DemoShopper:
    """A customer. ``timezone`` is an IANA name, ``address`` the initial content of the checkout form."""

    customer_id: str
    name: str
    email: str
    about: str
    timezone: str = "Australia/Melbourne"
    locale: str = "en_AU"
    address: dict[str, str] = field(default_factory=dict)

    @property
    def first_name(self) -> str:
        """How the shop addresses them."""
        return self.name.split()[0]


def _shopper(
    customer_id: str, name: str, about: str, street: str, suburb: str, state: str, postcode: str, **more: str
) -> DemoShopper:
    email = f"{name.split(maxsplit=1)[0].lower()}@example.com"
    address = {"name": name, "email": email, "street": street, "suburb": suburb, "state": state, "postcode": postcode}
    return DemoShopper(customer_id, name, email, about, address=address, **more)


SHOPPERS = (
    _shopper("1001", "Mia Ngo", "Melbourne", "12 Gertrude Street", "Fitzroy", "VIC", "3065"),
    _shopper("1002", "Leo Park", "Melbourne", "8 Acland Street", "St Kilda", "VIC", "3182"),
    _shopper("1003", "Ava Rossi", "Sydney", "41 Crown Street", "Surry Hills", "NSW", "2010"),
    _shopper(
        "1004",
        "Noah Klein",
        "at home in Berlin",
        "c/o Ngo, 12 Gertrude Street",
        "Fitzroy",
        "VIC",
        "3065",
        timezone="Europe/Berlin",
        locale="en_GB",
    ),
    _shopper("1005", "Zoe Martin", "Hobart", "3 Kelly Street", "Battery Point", "TAS", "7004"),
    _shopper("1006", "Sam Okoro", "Geelong", "77 Pakington Street", "Geelong West", "VIC", "3218"),
    _shopper(
        "1007", "Kim Lee", "new here: not in the loyalty programme", "5 Rathdowne Street", "Carlton", "VIC", "3053"
    ),
)

CROWD_FROM = 5001


def load_test_shopper(customer_id: str, count: int) -> DemoShopper | None:
    """Return one of ``count`` further customers, numbered from 5001, for load and chaos runs."""
    is_number = customer_id.isascii() and customer_id.isdigit()
    if not is_number or not CROWD_FROM <= int(customer_id) < CROWD_FROM + count:
        return None
    return _shopper(
        customer_id,
        f"Shopper {customer_id}",
        "a shopper of the load tests",
        "1 Queue Street",
        "Carlton",
        "VIC",
        "3053",
    )
