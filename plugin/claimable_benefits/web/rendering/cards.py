"""The cards of the account pages: one benefit each, as its template renders it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from markupsafe import Markup

from claimable_benefits.domain.benefits import Benefit, Definition
from claimable_benefits.domain.policy import Place, Policy
from claimable_benefits.service.account.wallet_view import Held
from claimable_benefits.web.current import url
from claimable_benefits.web.forms.buttons import Action, ActionForm, Buttons
from claimable_benefits.web.rendering import messages
from claimable_benefits.web.rendering.formatting import Formatter, When
from claimable_benefits.web.rendering.qr_codes import qr_code
from claimable_benefits.web.rendering.sanitize import https_url, name_of, plain, safe_html

_MOST_QR_CODES = 12  # each takes milliseconds to draw; the page of one benefit always shows its code


class UniqueNames:
    """Gives every benefit on a page a name of its own, so that no two buttons have the same accessible name."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def unique(self, text: str, otherwise: str) -> str:
        name = name_of(text, otherwise)
        times = self._counts[name] = self._counts.get(name, 0) + 1
        return name if times == 1 else f"{name} ({times})"


@dataclass(frozen=True, slots=True)
class Card:
    """What every card has. ``definition`` is as Omneo sent it: untrusted, to be escaped."""

    name: str
    definition: Definition
    link: str
    summary: str
    image: str | None
    ends: When | None

    @property
    def about(self) -> Markup:
        return safe_html(self.definition.long_description)

    @property
    def terms(self) -> Markup:
        return safe_html(self.definition.terms)


@dataclass(frozen=True, slots=True)
class ClaimableCard(Card):
    """A claimable benefit. ``claim_note`` is there where claiming it uses it, too."""

    claim: ActionForm
    claim_note: str
    validity: str

    @property
    def earn(self) -> Markup:
        return safe_html(self.definition.earn_instructions)


@dataclass(frozen=True, slots=True)
class StoreUse:
    """How a benefit is used in a store."""

    instructions: Markup
    code: str
    qr: Markup


@dataclass(frozen=True, slots=True)
class UsableCard(Card):
    """A held benefit. ``use`` is there where one click uses it, ``checkout`` where it is applied to a cart.

    ``how`` says that it is not used online, where no policy says where it is used.
    """

    benefit: Benefit
    pending: bool
    uses: str
    how: str
    instructions: Markup
    use: ActionForm | None
    use_note: str
    checkout: str
    store: StoreUse | None


@dataclass(frozen=True, slots=True)
class PastCard:
    """A benefit that is over. ``ended`` is None where it was used up instead."""

    name: str
    link: str
    ended: When | None


def claimable_cards(
    buttons: Buttons,
    definitions: Iterable[Definition],
    policy_of: Callable[[str], Policy],
    formatter: Formatter,
    names: UniqueNames,
) -> list[ClaimableCard]:
    return [
        claimable_card(buttons, definition, policy_of(definition.handle), formatter, names)
        for definition in definitions
    ]


def claimable_card(
    buttons: Buttons, definition: Definition, policy: Policy, formatter: Formatter, names: UniqueNames
) -> ClaimableCard:
    name = names.unique(definition.name, definition.handle)
    used_at_once = Place.CLAIM in policy.used_at
    action, label = (
        (Action.CLAIM_AND_REDEEM, f"Claim and use {name} now") if used_at_once else (Action.CLAIM, f"Claim {name}")
    )
    return ClaimableCard(
        name=name,
        definition=definition,
        link=url("claimable", handle=definition.handle),
        summary=plain(definition.short_description),
        image=https_url(definition.image_url),
        ends=formatter.ends(definition.claim_until, what="Claiming") if definition.claim_until else None,
        claim=buttons.form(action, definition.handle, label),
        claim_note=messages.CLAIMED_AND_USED if used_at_once else "",
        validity="" if used_at_once else messages.validity(definition),
    )


def usable_cards(
    buttons: Buttons, held_benefits: Iterable[Held], formatter: Formatter, names: UniqueNames
) -> list[UsableCard]:
    """The cards of all held benefits; the first dozen store codes are drawn."""
    cards: list[UsableCard] = []
    for held in held_benefits:
        drawn = sum(1 for card in cards if card.store and card.store.qr)
        cards.append(usable_card(buttons, held, formatter, names, draw=drawn < _MOST_QR_CODES))
    return cards


def usable_card(
    buttons: Buttons, held: Held, formatter: Formatter, names: UniqueNames, *, draw: bool = True
) -> UsableCard:
    benefit, definition, places = held.benefit, held.benefit.definition, held.policy.used_at
    name = names.unique(benefit.name, benefit.handle)
    usable_here = held.policy.from_account and not held.pending
    return UsableCard(
        name=name,
        definition=definition,
        link=url("held", benefit_id=benefit.id),
        summary=plain(definition.short_description),
        image=https_url(definition.image_url),
        ends=formatter.ends(benefit.expires_at) if benefit.expires_at else None,
        benefit=benefit,
        pending=held.pending,
        uses=messages.uses_left(benefit),
        how="" if places else messages.NOT_ONLINE,
        instructions=_instructions(held),
        use=buttons.form(Action.USE, benefit.id, f"Use {name} now") if usable_here else None,
        use_note=messages.from_account(benefit),
        checkout=messages.at_checkout(held.policy, formatter) if Place.CHECKOUT in places else "",
        store=_store_use(benefit, draw=draw) if Place.STORE in places else None,
    )


def past_card(benefit: Benefit, formatter: Formatter, names: UniqueNames) -> PastCard:
    over = benefit.expires_at if benefit.expires_at and benefit.expires_at < formatter.now else None
    name = names.unique(benefit.name, benefit.handle)
    return PastCard(name, url("held", benefit_id=benefit.id), formatter.ends(over) if over else None)


def _instructions(held: Held) -> Markup:
    """How the benefit is used elsewhere than in a store; all that Omneo says of it where no policy says where."""
    definition, places = held.benefit.definition, held.policy.used_at
    if places == {Place.STORE}:
        return Markup()
    return safe_html(definition.instructions_online or ("" if places else definition.instructions_store))


def _store_use(benefit: Benefit, *, draw: bool) -> StoreUse:
    code = plain(benefit.code_store or benefit.definition.code_store)
    return StoreUse(
        instructions=safe_html(benefit.definition.instructions_store),
        code=code,
        qr=qr_code(code) if code and draw else Markup(),
    )
