"""The lines of a transaction, and how new ones meet old ones (Omneo facts 13.6)."""

from __future__ import annotations

from claimable_benefits.sandbox.protocol.body_reader import RequestForm, read_kind
from claimable_benefits.sandbox.protocol.responses import Body
from claimable_benefits.sandbox.serializers.transaction_lines import LINE_FIELDS
from claimable_benefits.sandbox.state.request_state import RequestState


def merge_lines(state: RequestState, form: RequestForm, old_lines: list[Body]) -> list[Body]:
    """Return the lines after a body's: merged by id or external_id, or replaced when it says delete_existing_items."""
    replace = form.boolean("delete_existing_items")
    lines: list[Body] = [] if replace else [dict(line) for line in old_lines]
    for wanted in form.objects("items"):
        line = _line(wanted)
        same = _same_line(lines, wanted.integer("id"), line.get("external_id"))
        if same is None:
            number = 1 + max((other["id"] for other in (*old_lines, *lines)), default=0)
            lines.append(
                {"id": number, "is_void": False, "created_at": state.stamp} | line | {"updated_at": state.stamp}
            )
        else:
            same.update(line, updated_at=state.stamp)
    return lines


def _line(form: RequestForm) -> Body:
    line: Body = {name: read_kind(form, name, kind) for name, kind in LINE_FIELDS.items() if form.has(name)}
    line["name"] = form.text("name", required=True)
    return line | {name: form.number(name, required=True) for name in ("quantity", "price_current", "price_sell")}


def _same_line(lines: list[Body], number: int | None, external_id: object) -> Body | None:
    for line in lines:
        if (number is not None and line["id"] == number) or (external_id and line.get("external_id") == external_id):
            return line
    return None
