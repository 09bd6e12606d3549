"""Check an installation: say what works, and the remedy for what does not. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from claimable_benefits.domain.reconcile import STUCK_AFTER
from claimable_benefits.domain.states import DeliveryState, UseState
from claimable_benefits.errors import AuthenticationError, LedgerUnavailable, OmneoError, PermissionDenied
from claimable_benefits.ledger import key_values
from claimable_benefits.ledger.outbox import deliveries_in_state
from claimable_benefits.ledger.shops.others import OtherShop, other_shops
from claimable_benefits.ledger.uses import uses_in_state
from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.first_look import FOREIGN
from claimable_benefits.service.operations.memory_alarm import read_alarm
from claimable_benefits.service.operations.review import read_reviews
from claimable_benefits.service.orders.unplaced import NOT_KNOWN
from claimable_benefits.settings import Settings

_VARIED = ("redeem", "claim", "record a transaction")
_SKEWED = timedelta(minutes=1)
_IDLE = timedelta(minutes=15)
NOT_FILTERED = (
    "Omneo does not filter redemptions by our reference: a lost answer is resolved by the remaining uses and the "
    "profile's recent redemptions, and waits for manual review where a till used the same benefit at that moment."
)


@dataclass(frozen=True, slots=True)
class Check:
    """One check; ``sentence`` says what was found and what to do."""

    subject: str
    is_well: bool
    sentence: str


def examine(ctx: Context, settings: Settings, *, missing_loaders: tuple[str, ...] = ()) -> list[Check]:
    """Check ledger, connection, token, policies, loaders, queue and worker. Omneo's errors become failed checks.

    ``missing_loaders`` are the decorators of the functions that the shop has not registered.
    """
    connection = _ask("Omneo", lambda: _connection(ctx, settings))
    ledger = _ledger(ctx)
    found = [ledger, connection]
    if connection.is_well:
        found += [
            _ask("Customers", lambda: _customers(ctx, settings)),
            _policies(ctx, settings),
            _ask("References", lambda: _references(ctx)),
            _ask("Variants", lambda: _variants(ctx)),
            _clocks(ctx),
        ]
    found.append(_loaders(missing_loaders))
    if not ledger.is_well:
        return found
    own = [_orders(ctx), _times(ctx, settings), _forgotten(ctx), _reviews(ctx), _queue(ctx), _worker(ctx)]
    return [*found, *own, *_order_numbers(ctx), *_other_shops(ctx)]


def _ledger(ctx: Context) -> Check:
    name = ctx.ledger.engine.url.render_as_string(hide_password=True)
    try:
        version = ctx.ledger.version()
    except LedgerUnavailable as error:
        return Check("Ledger", False, f"is kept in {name}. {error}")
    return Check("Ledger", True, f"is kept in {name}, version {version}.")


def _connection(ctx: Context, settings: Settings) -> str:
    _search_identity(ctx)  # a dialect that is set, or known from before, does not say whether Omneo answers now
    return f"answers at {settings.base_url}, in the {ctx.omneo.dialect()} dialect."


def _search_identity(ctx: Context) -> None:
    ctx.omneo.profile_id("claimable-benefits-doctor")


def _customers(ctx: Context, settings: Settings) -> str:
    _search_identity(ctx)
    return f"can be looked up under the identity handle {settings.identity_handle!r}."


def _policies(ctx: Context, settings: Settings) -> Check:
    if settings.policies_path is None:
        return Check("Policies", False, "there are none: set BENEFITS_POLICIES, or nothing can be used online.")
    try:
        handles = {definition.handle for definition in ctx.omneo.definitions()}
    except OmneoError as error:
        return Check("Policies", False, f"cannot be compared with Omneo's definitions: {error}")
    without, unknown = sorted(handles - set(ctx.policies)), sorted(set(ctx.policies) - handles)
    # What is used in stores alone needs no policy: a shopper reads that it is not used online, and that is true.
    sentence = f"there is one for each of Omneo's {len(handles)} definitions"
    if without:
        sentence = f"none for {', '.join(without)}: shown with Omneo's instructions, used nowhere online"
    if unknown:
        sentence += f"; no definition at Omneo for {', '.join(unknown)}. Edit {settings.policies_path}"
    return Check("Policies", not unknown, f"{sentence}.")


def _references(ctx: Context) -> str:
    """Both kinds of tenant work, so neither fails the check."""
    filters = ctx.omneo.filters_by_reference()
    if filters is None:
        return "Omneo has no redemptions yet, so the extension cannot know whether it filters them by our references."
    return "Omneo filters redemptions by ours, which resolves a lost answer." if filters else NOT_FILTERED


def _variants(ctx: Context) -> str:
    known = {purpose: ctx.omneo.known_variant(purpose) for purpose in _VARIED}
    parts = [f"{purpose}: {variant or 'not known before the first one'}" for purpose, variant in known.items()]
    return "; ".join(parts) + "."


def _clocks(ctx: Context) -> Check:
    ahead = ctx.omneo.clock_ahead_of(ctx.clock())
    if abs(ahead) < _SKEWED:
        return Check("Clocks", True, "Omneo's and ours agree.")
    way = "ahead of" if ahead > timedelta(0) else "behind"
    span = f"{abs(ahead).total_seconds():.0f} s"
    return Check("Clocks", False, f"Omneo's is {span} {way} ours: set this machine's clock by a time server.")


def _forgotten(ctx: Context) -> Check:
    if alarm := read_alarm(ctx):
        return Check("Redemptions", False, alarm)
    return Check("Redemptions", True, "the worker has found none at Omneo that the ledger does not know.")


def _loaders(missing: tuple[str, ...]) -> Check:
    if not missing:
        return Check("Loaders", True, "the shop has registered those for shopper, cart and order.")
    names = ", ".join(f"@benefits.{name}" for name in missing)
    return Check("Loaders", False, f"missing: {names}. Decorate a function of your shop with each.")


def _orders(ctx: Context) -> Check:
    """Check that the order loader knows the orders of what was redeemed: it decides about those."""
    with ctx.ledger.read() as connection:
        redeemed = uses_in_state(connection, UseState.REDEEMED)
    unknown = [use.order_number for use in redeemed if use.note and use.note.startswith(NOT_KNOWN)]
    if not unknown:
        return Check("Orders", True, "the order loader knows the orders that it was asked about.")
    sentence = f"redeemed, and not known to the order loader for an hour: {len(unknown)}, such as {unknown[0]}."
    return Check("Orders", False, f"{sentence} See the log; after a day they wait for manual review.")


def _times(ctx: Context, settings: Settings) -> Check:
    with ctx.ledger.read() as connection:
        is_met = key_values.get_value(connection, key_values.NAIVE_TIMES) is not None
    gives = "your shop gives times without a zone; they" if is_met else "those without a zone"
    return Check("Times", True, f"{gives} are read as {settings.naive_timezone} (BENEFITS_NAIVE_TIMEZONE).")


def _reviews(ctx: Context) -> Check:
    waiting = len(read_reviews(ctx))
    if not waiting:
        return Check("Review", True, "nothing waits for manual review.")
    return Check("Review", False, f"{waiting} waiting for manual review. See: flask benefits review")


def _queue(ctx: Context) -> Check:
    with ctx.ledger.read() as connection:
        due = deliveries_in_state(connection, DeliveryState.DUE, DeliveryState.DELIVERING)
    if not due:
        return Check("Queue", True, "every transaction is delivered.")
    oldest = min(delivery.updated_at for delivery in due)
    minutes = (ctx.clock() - oldest).total_seconds() / 60
    sentence = f"{len(due)} transactions wait for delivery, the oldest for {minutes:.0f} min."
    is_well = minutes < STUCK_AFTER.total_seconds() / 60
    return Check("Queue", is_well, sentence if is_well else f"{sentence} Is a worker running?")


def _worker(ctx: Context) -> Check:
    with ctx.ledger.read() as connection:
        last_turn = key_values.get_value(connection, key_values.LAST_TURN)
    if last_turn is None:
        return Check("Worker", True, "none has run yet: it starts with the first request, or by flask benefits work.")
    age = ctx.clock() - datetime.fromisoformat(last_turn)
    sentence = f"its last turn was {age.total_seconds():.0f} s ago."
    if age < _IDLE:
        return Check("Worker", True, sentence)
    return Check("Worker", False, f"{sentence} Start one: flask benefits work, or set BENEFITS_WORKER to embedded.")


def _order_numbers(ctx: Context) -> list[Check]:
    with ctx.ledger.read() as connection:
        stopped = deliveries_in_state(connection, DeliveryState.STOPPED)
    foreign = [one for one in stopped if not one.is_looked_for and (one.note or "").startswith(FOREIGN)]
    if not foreign:
        return []
    found = f"another shop has a transaction under {len(foreign)} of ours at Omneo, such as {foreign[0].order_number}."
    remedy = "Nothing was overwritten. Set BENEFITS_ORDER_PREFIX, such as b-, and resume each: flask benefits review"
    return [Check("Order numbers", False, f"{found} {remedy}")]


def _other_shops(ctx: Context) -> list[Check]:
    """Check the rows under other addresses in this database: another app's, or those of an earlier address."""
    with ctx.ledger.read() as connection:
        others = [other for other in other_shops(connection, key_values.LAST_TURN) if other.waiting]
    return [_other_shop(ctx, other) for other in others]


def _other_shop(ctx: Context, other: OtherShop) -> Check:
    rows = f"rows that wait under the address {other.tenant}: {other.waiting}"
    if other.last_turn is not None and ctx.clock() - other.last_turn < _IDLE:
        return Check("Other shops", True, f"{rows}. Another app serves them.")
    remedy = (
        f"Where that is an earlier address of this tenant: flask benefits db adopt {other.tenant}. "
        "Where it is another tenant, start its app or its worker."
    )
    return Check("Other shops", False, f"{rows}. No app serves them. {remedy}")


def _ask(subject: str, ask: Callable[[], str]) -> Check:
    try:
        return Check(subject, True, ask())
    except (AuthenticationError, PermissionDenied) as error:
        return Check(subject, False, f"the token is not accepted, or lacks a scope: {error}")
    except OmneoError as error:
        return Check(subject, False, f"no usable answer: {error}")
