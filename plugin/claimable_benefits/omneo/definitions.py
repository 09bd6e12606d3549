"""Read and create benefit definitions, for the merchant's commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from claimable_benefits.domain.benefits import Definition
from claimable_benefits.omneo import paths
from claimable_benefits.omneo.codec import data
from claimable_benefits.omneo.dialects import CallVariant
from claimable_benefits.omneo.resource import Resource
from claimable_benefits.omneo.session import ApiCall

T = TypeVar("T")


class Definitions(Resource):
    """Calls about definitions (Omneo facts 3). All raise `OmneoError`."""

    def definitions(self) -> tuple[Definition, ...]:
        """Read every definition of the tenant, unpublished ones included."""
        return self._in_dialect("list definitions", lambda at: self._kinds(at, {}))

    def definition(self, handle_or_id: str) -> Definition | None:
        """Find the definition with this handle, or else with this id; None where there is neither."""
        by_handle = {"filter[handle]": handle_or_id}
        listed = self._in_dialect("list definitions", lambda at: self._kinds(at, by_handle))
        named = next((one for one in listed if one.handle == handle_or_id), None)
        return named or self._by_id(handle_or_id)

    def create_definition(self, fields: Mapping[str, object]) -> Definition:
        """Create a definition (Omneo facts 13.2); aware times in ``fields`` are sent in UTC."""
        body = self._session.writer.definition(fields)
        return self._in_dialect(
            "create a definition",
            lambda at: self._session.write(ApiCall("POST", at, body=body), self._definition),
        )

    def _kinds(self, template: str, query: Mapping[str, str]) -> tuple[Definition, ...]:
        return self._all(template, self._session.reader.definition, query=query, for_display=True)

    def _by_id(self, definition_id: str) -> Definition | None:
        is_guide = self._session.dialects.known_variant("list definitions") == paths.DEFINITIONS.guide
        template = paths.DEFINITION.guide if is_guide else paths.DEFINITION.reference
        return self._session.find(ApiCall("GET", template, {"definition_id": definition_id}), self._definition)

    def _in_dialect(self, purpose: str, send: Callable[[str], T]) -> T:
        guide, reference = paths.DEFINITIONS
        return self._session.dialects.call(
            purpose,
            guide=[CallVariant(guide, partial(send, guide))],
            reference=[CallVariant(reference, partial(send, reference))],
        )

    def _definition(self, body: object) -> Definition:
        return self._session.reader.definition(data(body))
