import json
from dataclasses import replace

from catalog.readers.cells.cell_format import CellFormat
from catalog.readers.recipe import ParseRecipe
from catalog.readers.tables import Column


def stored(recipe):
    return ParseRecipe.from_dict(json.loads(json.dumps(recipe.to_dict())))


def test_a_recipe_is_the_same_after_it_was_stored():
    price = Column(
        "price", "number", True, CellFormat(decimal=",", thousands=".", affix=("€",), missing=("", "?"))
    )
    city = Column("city", "text", False, CellFormat(missing=()), role="category", source="City ")
    recipe = ParseRecipe("csv", encoding="utf-8", delimiter=";", decimal=",", skip=2, columns=(price, city))

    assert stored(recipe) == recipe


def test_a_column_without_a_format_is_stored_as_its_name_type_and_nullable():
    assert Column("x", "integer", True).to_dict() == {"name": "x", "type": "integer", "nullable": True}


def test_the_digest_of_a_recipe_is_that_of_what_is_not_a_default():
    recipe = ParseRecipe("csv", delimiter=";", columns=(Column("x", "integer", True),))
    older = {
        name: value for name, value in recipe.to_dict().items() if name not in ("spaced", "quote", "escape")
    }
    assert ParseRecipe.from_dict(older).digest == recipe.digest == replace(recipe, escape="").digest
    assert replace(recipe, delimiter=",").digest != recipe.digest
