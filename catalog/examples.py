"""Example datasets of scikit-learn, for a first training on an empty platform."""

import io

from catalog.imports import ingestion, upload
from catalog.models import DatasetVersion
from catalog.names import normalize_name
from mlplatform.errors import Conflict, NotReady
from mlplatform.idempotency import keys as idempotency_keys

WAIT_S = 60
EXAMPLES = {
    "iris": "Iris flowers: 150 rows, 4 measurements, 3 species.",
    "wine": "Wines from three growers: 178 rows, 13 chemical measurements.",
    "breast_cancer": "Breast tumours, malignant or benign: 569 rows, 30 measurements.",
    "diabetes": "Diabetes progression after one year (a number): 442 rows, 10 measurements.",
    "digits": "Handwritten digits as 8 x 8 grey values: 1,797 rows, 64 pixels.",
}


def add_example(name: str, *, by, number: int | None = None) -> DatasetVersion:
    """The version of this dataset that is an example of scikit-learn; adds it if there is no such dataset.

    The example is the one with this name, or iris for any other name. Raises Conflict if the dataset has other
    content, or if its version `number` has.
    """
    name = normalize_name(name)
    table = name if name in EXAMPLES else "iris"
    versions = DatasetVersion.objects.select_related("dataset", "created_by").filter(dataset__name=name)
    version = versions.exclude(example="").order_by("-number").first() or _add(name, table, by=by)
    if number not in (None, version.number):
        raise Conflict(
            f"Version {number} of `{name}` is not scikit-learn's {version.example} example; "
            f"that is version {version.number}.",
            code="not_an_example",
        )
    return version


def _add(name: str, table: str, *, by) -> DatasetVersion:
    content = io.BytesIO(_frame(table).to_csv(index=False).encode())
    try:
        with idempotency_keys.without_attaching():  # the result of the request can be a training
            version, _ = upload.add_dataset(
                content, filename=f"{table}.csv", name=name, description=EXAMPLES[table], by=by, example=table,
                ingest=_read,
            )  # fmt: skip
    except Conflict as error:
        if error.code != "dataset_exists":
            raise
        raise Conflict(
            f"The dataset `{name}` is not scikit-learn's {table} example. Choose another name for the example, or "
            "train on this dataset without use_example.",
            code="not_an_example",
        ) from error
    if not version.example:  # the example's file was uploaded by hand
        version.example = table
        version.save(update_fields=["example"])
    return version


def _read(source: ingestion.Source) -> ingestion.Ingested:
    """Read the table however busy the server is: its caller cannot wait for a job."""
    ingested = ingestion.in_child(source, wait_s=WAIT_S)
    if ingested is None:
        raise NotReady("The server is too busy to read the example. Try again in a moment.", code="busy")
    return ingested


def _frame(table: str):
    from sklearn import datasets  # takes a second to import

    return getattr(datasets, f"load_{table}")(as_frame=True).frame
