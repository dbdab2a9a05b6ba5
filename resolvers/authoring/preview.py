"""Previews criteria before they are saved: how many records they select, some of these records, and diagnostics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tortoise.models import Model

from models.errors import BadInput
from models.event_loop import by_size
from resolvers.criteria.diagnostics.diagnose import Diagnostic, diagnose
from resolvers.criteria.language.names import size_of
from resolvers.criteria.rendering.sentence import sentence
from resolvers.criteria.semantics.time import Now
from resolvers.operation.context import Context
from resolvers.reading.criteria_input import Criteria, now, read_argument
from resolvers.reading.selection import Criterion, Selection

LARGEST_SAMPLE = 100  # records; more of them are found by querying the records with these criteria


@dataclass(frozen=True, slots=True)
class Preview:
    """Criteria at one moment. The records that they select are read when a field of the preview is requested."""

    criteria: Criteria
    now: Now
    size: int


async def preview(context: Context, *, criteria: Mapping[str, Any], sample: int) -> Preview:
    """Check criteria for a preview. Nothing is stored."""
    if not 0 <= sample <= LARGEST_SAMPLE:
        raise BadInput(f"`sample` is {sample}. Ask for 0 to {LARGEST_SAMPLE} records.")
    read = await read_argument(context, "criteria", criteria)
    return Preview(read, await now(context, read), sample)


async def count(context: Context, preview: Preview) -> int:
    """How many records the criteria select."""
    return await _selected(context, preview).all.count()


async def sample(context: Context, preview: Preview) -> Sequence[Model]:
    """The first records by id that the criteria select."""
    return await _selected(context, preview).first(preview.size, "id")


async def criteria_text(preview: Preview) -> str:
    """The criteria as an English sentence."""
    return await by_size(size_of(preview.criteria.tree.document), lambda: sentence(*preview.criteria))


async def diagnostics(preview: Preview) -> Sequence[Diagnostic]:
    """What is questionable about the criteria."""
    return await by_size(size_of(preview.criteria.tree.document), lambda: diagnose(*preview.criteria))


def _selected(context: Context, preview: Preview) -> Selection[Any]:
    criterion = Criterion(context.services.database, preview.criteria.tree, preview.now)
    return Selection(context.scope.records(criterion.tree.record_type), criterion)
