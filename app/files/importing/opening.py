"""Opens a file to import in the format that its name shows."""

from pathlib import Path

from app.files.importing.csv_table import open_csv
from app.files.importing.jsonl_table import open_jsonl
from app.files.importing.table import Table
from models.errors import BadInput

JSON_LINES = (".jsonl", ".ndjson")


def open_table(path: Path) -> Table:
    """Open a file as a table. A file is CSV unless its name ends in .jsonl or .ndjson. Raises `BadInput` if it cannot be read."""
    if not path.is_file():
        raise BadInput(f"There is no file {path}.")
    return open_jsonl(path) if path.suffix.lower() in JSON_LINES else open_csv(path)
