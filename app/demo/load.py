"""Loads the demo data: first the account with its groups, so that contacts join groups as they are created."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from app.demo.groups import GROUPS
from app.demo.names import TAGS
from app.demo.people import PLAN, PLANS, RENEWS_ON, SEATS, Generator
from app.provisioning.accounts import NewAccount, create_account
from models import FieldType, Role
from models.ids import to_global_id
from resolvers.access.users import create_user
from resolvers.grouping.groups import create_group
from resolvers.operation.context import Context, Services
from resolvers.records.appointments import create_appointment
from resolvers.records.drafts import Row
from resolvers.records.fields import create_custom_field
from resolvers.records.imports import CHUNK, import_good_rows
from resolvers.tagging.tags import create_tag

DEMO = NewAccount("Demo", "demo@example.com", "America/Toronto")
CONTACTS = 1000
MOST_MEETINGS = 200
COLLEAGUES = (
    ("Ada Brandt", "ada@example.com", Role.ADMIN),
    ("Ben Ortega", "ben@example.com", Role.EDITOR),
    ("Cleo Reid", "cleo@example.com", Role.VIEWER),
)

Progress = Callable[[int], None]


async def load_demo(services: Services, contacts: int, progress: Progress) -> Context:
    """Create the demo account with this many contacts, and return a context that acts as its owner.

    Raises `Refused` if an account named Demo exists.
    """
    context = await create_account(services, DEMO)
    await _prepare(context)
    generator = Generator(services.wall_clock())
    contact_ids: list[int] = []
    rows = generator.rows(contacts)
    while chunk := list(islice(rows, CHUNK)):
        contact_ids += await _save(context, chunk)
        progress(len(contact_ids))
    for meeting in generator.meetings(min(MOST_MEETINGS, contacts), contacts):
        contact = to_global_id("Contact", contact_ids[meeting.contact])
        await create_appointment(context, contact_id=contact, values=meeting.values)
    return context


async def _save(context: Context, rows: Sequence[Row]) -> Iterator[int]:
    result = await import_good_rows(context, rows)
    return (contact_id for contact_id in result.contact_ids if contact_id is not None)


async def _prepare(context: Context) -> None:
    """Create what contacts refer to, and the groups that they will join."""
    for name, email, role in COLLEAGUES:
        await create_user(context, name=name, email=email, role=role)
    for name in TAGS:
        await create_tag(context, name=name)
    await create_custom_field(context, key=PLAN, label="Plan", type=FieldType.DROPDOWN, choices=list(PLANS))
    await create_custom_field(context, key=SEATS, label="Seats", type=FieldType.NUMBER)
    await create_custom_field(context, key=RENEWS_ON, label="Renews on", type=FieldType.DATE)
    for name, criteria in GROUPS.items():
        await create_group(context, name=name, criteria=criteria)
