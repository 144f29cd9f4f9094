"""The dataset versions that a query can read, by the names of its tables: `penguins`, or `"penguins@3"`."""

import contextlib
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.files.storage import FileSystemStorage
from django.db.models import Q

from catalog import files
from catalog.derivation import messages
from catalog.derivation.engine import Table
from catalog.models import Dataset, DatasetVersion
from catalog.objects import table
from catalog.objects.table import Reference
from mlplatform import storage
from mlplatform.auth import permissions

WORD = re.compile(r"[a-z0-9_]+(?:@[0-9]{1,9})?")
PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
# What DuckDB reserves of the words that can be names of datasets: `duckdb_keywords()`.
RESERVED = """
    all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create default
    deferrable desc describe distinct do else end except false fetch for foreign from group having in initially
    intersect into lambda lateral leading limit not null offset on only or order pivot pivot_longer pivot_wider placing
    primary qualify references returning select show some summarize symmetric table then to trailing true union unique
    unpivot using variadic when where window with
"""
MAX_INPUTS = 50
MAX_NAMES = 10_000  # among which a similar one is looked for


@dataclass(frozen=True)
class StoredTable:
    """Where a table of a query is stored: all that a child process needs to know."""

    columns: list[dict]
    key: str
    size: int
    reference: Reference | None = None

    @classmethod
    def of(cls, version: DatasetVersion) -> "StoredTable":
        """Raises NotReady if the version has no typed copy."""
        files.require_typed_copy(version)
        return cls(version.columns, version.table_key, version.table_size_bytes, table.of(version))


@dataclass(frozen=True)
class Reads:
    """The rows and bytes of what a query reads."""

    rows: int
    bytes: int


def reads(versions: Iterable[DatasetVersion]) -> Reads:
    """Of all these versions: their typed copies, or of one by reference its files."""
    sizes = [(one.row_count, one.size_bytes if one.uri else one.table_size_bytes) for one in versions]
    return Reads(sum(rows for rows, _ in sizes), sum(size for _, size in sizes))


def split(reference: str) -> tuple[str, int | None]:
    """The name of a dataset, and the number of its version if the reference has one."""
    name, _, number = reference.partition("@")
    return name, int(number) if number else None


def written(name: str) -> str:
    """The name of a dataset as a query names it: quoted if it has to be."""
    return name if PLAIN.fullmatch(name) and name not in RESERVED.split() else f'"{name}"'


def find(references: Iterable[str], *, by) -> dict[str, DatasetVersion]:
    """The versions that these references name, of those that exist. Everybody with a role can read every dataset."""
    permissions.check(by, "view")
    wanted = {reference: split(reference) for reference in references}
    newest = {name for name, number in wanted.values() if number is None}
    pinned = Q()
    for name, number in wanted.values():
        if number is not None and number < 2**31:
            pinned |= Q(dataset__name=name, number=number)
    versions = DatasetVersion.objects.select_related("dataset").defer(
        *(name for name in DatasetVersion.WIDE_COLUMNS if name != "recipe")
    )
    found = {one.dataset.name: one for one in versions.newest().filter(dataset__name__in=newest)}
    if pinned:
        found |= {f"{one.dataset.name}@{one.number}": one for one in versions.filter(pinned)}
    return {reference: found[reference] for reference in wanted if reference in found}


def candidates(sql: str) -> list[str]:
    """The words of a query that can be references: a superset, since only a child process can parse it."""
    words = dict.fromkeys(WORD.findall(sql.lower()))
    pinned = [word for word in words if "@" in word][:MAX_INPUTS]
    return [word for word in words if "@" not in word] + pinned


def check(tables: Mapping[str, int | None], found: Mapping[str, DatasetVersion]) -> None:
    """Raise ValidationError for a table that is no dataset; `tables` are the tables of a query, with their lines."""
    if not tables:
        raise messages.error("The query reads no dataset. Name one in FROM.", code="no_inputs")
    if len(tables) > MAX_INPUTS:
        raise messages.error(f"The query reads {len(tables)} tables; the limit is {MAX_INPUTS}.")
    for reference, line in tables.items():
        if reference not in found:
            raise _unknown(reference, line)


def _unknown(reference: str, line: int | None) -> ValidationError:
    if WORD.fullmatch(reference):
        name, number = split(reference)
        if number is not None and Dataset.objects.filter(name=name).exists():
            return messages.error(f"`{name}` has no version {number}.", code="unknown_table", line=line)
    names = Dataset.objects.values_list("name", flat=True)[:MAX_NAMES]
    near = difflib.get_close_matches(reference, list(names), n=1)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    return messages.error(f"No dataset is named `{reference[:100]}`.{hint}", code="unknown_table", line=line)


@contextlib.contextmanager
def opened(
    tables: Mapping[str, StoredTable], *, verified: Mapping[str, DatasetVersion] | None = None
) -> Iterator[dict[str, Table]]:
    """The tables with paths at which this process can read them; those of `verified` after a check of their SHA-256.

    Raises NotReady.

    A copy from S3 is a temporary file without a name, of which nothing is left when the process is killed.
    """
    store = storage.datasets()
    with contextlib.ExitStack() as stack:
        found = {}
        for name, stored in tables.items():
            if stored.reference:
                file = stored.reference.copy()
            else:
                file = files.open_table(verified[name]) if verified else storage.open_file(store, stored.key)
            stack.enter_context(file)
            if isinstance(store, FileSystemStorage) and not stored.reference:
                path = store.path(stored.key)
            else:
                if hasattr(file, "rollover"):
                    file.rollover()
                path = f"/dev/fd/{file.fileno()}"
            found[name] = Table(stored.columns, path)
        yield found


def are_near(tables: Mapping[str, StoredTable], most: int) -> bool:
    """Whether their files are on this machine, or at most so many bytes away."""
    is_local = isinstance(storage.datasets(), FileSystemStorage)
    sizes = [
        one.reference.size if one.reference else one.size
        for one in tables.values()
        if one.reference or not is_local
    ]
    return sum(sizes) <= most
