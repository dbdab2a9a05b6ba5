"""The types for editing criteria: fields, suggested values, a preview, and explanations."""

from collections.abc import Sequence

import strawberry
from strawberry import ID, Parent
from tortoise.models import Model

import models
from resolvers.authoring import preview, suggestions
from resolvers.authoring.frequent_values import Wanted
from resolvers.authoring.segment_fields import SegmentField as StoredField
from resolvers.criteria.diagnostics.diagnose import Diagnostic
from schema.diagnostics import CriteriaDiagnostic
from schema.fields import Info, field
from schema.nodes import Record
from schema.scalars import JSON

strawberry.enum(models.FieldType)


@strawberry.type
class ValueCount:
    """A value and how many records have it."""

    value: str
    count: int
    id: ID | None


@strawberry.type
class SegmentField:
    """A field that conditions can use."""

    key: str
    label: str
    type: models.FieldType
    operators: list[str]
    is_custom: bool
    choices: list[str] | None

    @field(list[ValueCount])
    @staticmethod
    async def suggestions(
        field: Parent[StoredField], info: Info, prefix: str | None = None, first: int = 20
    ) -> Sequence[suggestions.ValueCount]:
        return await suggestions.suggestions(info.context, field, Wanted(prefix, first))


@strawberry.type
class Preview:
    """A preview of what criteria select."""

    @strawberry.field
    @staticmethod
    async def count(found: Parent[preview.Preview], info: Info) -> int:
        return await preview.count(info.context, found)

    @field(list[Record])
    @staticmethod
    async def sample(found: Parent[preview.Preview], info: Info) -> Sequence[Model]:
        return await preview.sample(info.context, found)

    @strawberry.field
    @staticmethod
    async def criteria_text(found: Parent[preview.Preview]) -> str:
        return await preview.criteria_text(found)

    @field(list[CriteriaDiagnostic])
    @staticmethod
    async def diagnostics(found: Parent[preview.Preview]) -> Sequence[Diagnostic]:
        return await preview.diagnostics(found)


@strawberry.type
class ExplanationNode:
    """A node of criteria, evaluated for one record."""

    text: str
    matches: bool
    actual: JSON | None
    path: list[str]
    children: list["ExplanationNode"]


@strawberry.type
class Explanation:
    """Whether a record matches criteria, and why."""

    matches: bool
    root: ExplanationNode
