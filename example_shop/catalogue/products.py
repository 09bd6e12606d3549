# ruff: noqa: RUF001  # product texts have typographic signs
"""The products. The policies of the benefits name their tags."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

CATEGORIES = {"clothing": "Clothing", "home": "Home", "gifts": "Gifts", "sale": "Sale"}


@dataclass(frozen=True, slots=True)
class Product:
    """One product. ``price`` and ``was`` (before a sale) are in Australian dollars; ``picture`` is its description."""

    sku: str
    name: str
    price: Decimal
    categories: tuple[str, ...]
    tags: frozenset[str]
    line: str
    story: str
    facts: tuple[str, ...]
    picture: str
    was: Decimal | None = None


PRODUCTS = (
    Product(
        "harbour-linen-shirt",
        "Harbour linen shirt",
        Decimal("129.00"),
        ("clothing",),
        frozenset({"clothing", "linen"}),
        "Washed European linen, oat",
        "A shirt for the first warm morning and the last cool one. We wash the cloth before we cut it, so it is soft "
        "from the first day and keeps its shape after the hundredth wash.",
        ("100% linen, 170 g/m²", "Corozo nut buttons", "Relaxed fit; alterations in our workroom", "Wash at 40 °C"),
        "An oat-coloured linen shirt on a wooden hanger",
    ),
    Product(
        "dune-linen-dress",
        "Dune linen dress",
        Decimal("189.00"),
        ("clothing",),
        frozenset({"clothing", "linen"}),
        "Midi length, clay",
        "Cut on the bias, so that it moves when you do. Pockets deep enough for a book, a neckline plain enough for "
        "every day.",
        ("100% linen", "Side pockets", "Midi length, 112 cm", "Wash at 40 °C"),
        "A clay-coloured sleeveless linen dress",
    ),
    Product(
        "tideway-jumper",
        "Tideway jumper",
        Decimal("219.00"),
        ("clothing",),
        frozenset({"clothing", "knitwear"}),
        "Fisherman’s rib, deep sea",
        "Knitted in a half-cardigan stitch that traps warm air and lets the damp out. Made from Tasmanian merino, in "
        "one piece, without side seams.",
        ("100% merino, traceable to three farms", "Knitted in Melbourne", "Wash by hand, dry flat"),
        "A deep blue ribbed jumper on a wooden hanger",
    ),
    Product(
        "fennel-cardigan",
        "Fennel cardigan",
        Decimal("199.00"),
        ("clothing",),
        frozenset({"clothing", "knitwear"}),
        "Moss stitch, fennel green",
        "The cardigan that lives on the back of the chair and is never there, because somebody is wearing it.",
        ("70% merino, 30% alpaca", "Five horn buttons", "Wash by hand, dry flat"),
        "A green button-up cardigan with two pockets",
    ),
    Product(
        "jetty-trousers",
        "Jetty trousers",
        Decimal("99.00"),
        ("clothing", "sale"),
        frozenset({"clothing", "linen", "sale"}),
        "Wide leg, flint",
        "High in the waist, wide in the leg, and the right length to show your shoes. Last season’s colour, this "
        "season’s price.",
        ("55% linen, 45% cotton", "Side zip, two pockets", "Wash at 40 °C"),
        "Grey wide-leg trousers with a tie belt",
        was=Decimal("149.00"),
    ),
    Product(
        "fig-smoke-candle",
        "Fig & smoke candle",
        Decimal("48.00"),
        ("home", "gifts"),
        frozenset({"gift", "candle", "home"}),
        "Amber glass, 50 hours",
        "Green fig, a little cedar, and the smell of the neighbours’ fireplace. Poured by hand in small batches.",
        ("Soy and rapeseed wax", "Cotton wick", "220 g, about 50 hours"),
        "A lit candle in an amber glass jar",
    ),
    Product(
        "three-pillars",
        "Three pillar candles",
        Decimal("39.00"),
        ("home", "gifts"),
        frozenset({"gift", "candle", "home"}),
        "Unscented, sand to shell",
        "Three heights, three shades, no scent: for tables where the food should have the last word.",
        ("Rapeseed wax", "10, 14 and 18 cm", "About 90 hours together"),
        "Three pillar candles of different heights on a tray",
    ),
    Product(
        "tideline-mug",
        "Tideline mug",
        Decimal("36.00"),
        ("home", "gifts"),
        frozenset({"gift", "ceramics", "home"}),
        "Stoneware, two glazes",
        "Dipped twice, so that the glaze breaks where the tide would. Holds a proper cup of tea.",
        ("Stoneware, 320 ml", "Thrown by hand in Castlemaine", "Dishwasher safe"),
        "A stoneware mug glazed in cream over blue",
    ),
    Product(
        "rockpool-bowl",
        "Rockpool bowl",
        Decimal("64.00"),
        ("home",),
        frozenset({"ceramics", "home"}),
        "Stoneware, celadon inside",
        "Rough and dark outside, clear green inside, like the pools below the lighthouse at low tide.",
        ("Stoneware, 24 cm", "Thrown by hand in Castlemaine", "Dishwasher safe"),
        "A dark stoneware bowl with a pale green glaze inside",
    ),
    Product(
        "winter-scarf",
        "Headland scarf",
        Decimal("95.00"),
        ("clothing", "gifts"),
        frozenset({"accessories", "scarf"}),
        "Lambswool, wide check",
        "Wide enough to be a blanket on the ferry, soft enough for a bare neck.",
        ("100% lambswool", "70 × 200 cm", "Woven in Geelong"),
        "A folded checked wool scarf with fringes",
    ),
    Product(
        "summer-scarf",
        "Summer scarf",
        Decimal("39.00"),
        ("clothing", "sale"),
        frozenset({"accessories", "scarf", "sale"}),
        "Cotton voile, coral stripe",
        "Sun on the shoulders, sand in the fringe. The last of this summer’s print.",
        ("100% cotton voile", "90 × 180 cm", "Printed in Sydney"),
        "A light scarf with coral stripes, loosely draped",
        was=Decimal("78.00"),
    ),
    Product(
        "gift-card",
        "Gift card",
        Decimal("50.00"),
        ("gifts",),
        frozenset({"gift-card"}),
        "In a letterpressed envelope",
        "For somebody who knows better than you what they would like. Valid for three years, online and in the shop.",
        ("Fifty dollars", "Recycled cotton paper", "Comes with an envelope to write on"),
        "A cream gift card with a green ribbon, half out of its envelope",
    ),
)
