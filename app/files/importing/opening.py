"""Opening the file of an import in the format that its name tells."""

from pathlib import Path

from app.files.importing.csv_table import open_csv
from app.files.importing.jsonl_table import open_jsonl
from app.files.importing.table import Table
from models.errors import BadInput

JSON_LINES = (".jsonl", ".ndjson")


def open_table(path: Path) -> Table:
    """The table in this file; raises `BadInput` if there is none. A file is CSV unless its name says otherwise."""
    if not path.is_file():
        raise BadInput(f"There is no file {path}.")
    return open_jsonl(path) if path.suffix.lower() in JSON_LINES else open_csv(path)
