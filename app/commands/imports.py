"""The import command: a file, an account, and what the user wishes, brought together."""

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.table import Table as Listing

from app.commands.accounts import as_owner, chosen_account
from app.importing.fields import Field, fields_by_name, key_for
from app.importing.plan import Plan, Wishes, plan_import
from app.importing.rows import RowMaker
from app.importing.run import Import, Summary
from app.importing.table import Table, open_table
from app.terminal import note, notes, progress
from models import FieldType
from resolvers.context import Context, Services
from resolvers.fields import create_custom_field, custom_fields
from resolvers.tag_refs import tag_name

PER_CENT = 100
