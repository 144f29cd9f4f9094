"""Encode typed rows as the numbers that the estimator sees: what the fitted ColumnTransformer does, without pandas.

Each block repeats the arithmetic of the scikit-learn classes it replaces, in the same order, so the result is equal to
the last bit. A transformer that `registry.training.preprocessing` does not build is rejected, never guessed.
"""

import numpy as np

from serving.engine import blocks
from serving.engine.blocks import Block, UnsupportedPipeline
from serving.inputs.reader import TypedRows


class Encoder:
    """Typed rows -> one float64 array (rows, columns), in the order of the transformer's groups.

    `sources` has for each of its columns the number of the input that it is made of.
    """

    def __init__(self, transformer, inputs: list[dict]):
        """Read a fitted ColumnTransformer and the inputs of a signature. Raises UnsupportedPipeline."""
        groups = [
            (step, [names] if isinstance(names, str) else list(names))
            for name, step, names in transformer.transformers_
            if name != "remainder"
        ]
        encoded = [name for _, names in groups for name in names]
        if sorted(encoded) != sorted(column["name"] for column in inputs):
            raise UnsupportedPipeline("its columns differ from those of its signature")
        places = {
            column["name"]: (group, place)
            for group, types in TypedRows.GROUPS.items()
            for place, column in enumerate(column for column in inputs if column["type"] in types)
        }
        numbers = {column["name"]: number for number, column in enumerate(inputs)}
        self.blocks: list[tuple[Block, slice]] = []
        self.sources: list[int] = []
        for step, names in groups:
            block = blocks.of(step, *_place(names, places))
            start = len(self.sources)
            self.sources += [numbers[names[place]] for place in block.sources]
            self.blocks.append((block, slice(start, len(self.sources))))
        self.width = len(self.sources)
        self.order = _memory_order(transformer, inputs)

    def __call__(self, rows: TypedRows) -> np.ndarray:
        encoded = np.zeros((rows.count, self.width), order=self.order)
        for block, columns in self.blocks:
            block.encode(rows, encoded[:, columns])
        return encoded


def _place(names: list[str], places: dict[str, tuple[str, int]]) -> tuple[str, list[int]]:
    """The group of TypedRows that has these columns, and their positions in it."""
    groups = {places[name][0] for name in names}
    if len(groups) != 1:
        raise UnsupportedPipeline("it prepares columns of several types together")
    return groups.pop(), [places[name][1] for name in names]


def _memory_order(transformer, inputs: list[dict]) -> str:
    """The memory layout of the transformer's arrays, C or F: sums over them are rounded accordingly."""
    counts = {
        group: sum(column["type"] in types for column in inputs) for group, types in TypedRows.GROUPS.items()
    }
    rows = TypedRows(
        inputs,
        2,
        np.full((2, counts["numbers"]), np.nan),
        np.full((2, counts["dates"]), np.datetime64("NaT", "us")),
        [[None, None]] * counts["text"],
    )
    return "F" if np.isfortran(transformer.transform(rows.to_frame())) else "C"


def training_categories(transformer) -> dict[str, frozenset]:
    """All categories of each text and boolean column in training, infrequent ones too, if they are encoded as such."""
    found = {}
    for _, step, names in getattr(transformer, "transformers_", ()):  # an imported model has none
        encoders = [one for _, one in getattr(step, "steps", ()) if hasattr(one, "categories_")]
        if encoders:
            found |= {
                name: frozenset(value for value in values.tolist() if value == value)
                for name, values in zip(names, encoders[0].categories_, strict=True)
            }
    return found
