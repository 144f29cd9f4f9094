"""JSON representations of datasets, parse recipes and receipts, and the field of the API that takes a recipe."""

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.discovery.lineage_api import DerivationSerializer, DerivedVersionSerializer
from catalog.models import DatasetVersion
from catalog.readers.cells.column_types import ARROW_TYPES
from catalog.readers.correcting import choices
from catalog.readers.corrections import ON_ERROR, ROLES, TYPES
from catalog.readers.formats import COMPRESSIONS, FORMATS
from mlplatform import json_parser
from mlplatform.lists.pagination import BeginningField

MAX_BYTES = 4 * 1024**2  # a whole recipe of 10,000 columns is 1 MB


class CellFormatSerializer(serializers.Serializer):
    """How the cells of a column are written, where that differs from the rest of the file."""

    decimal = serializers.CharField(required=False, help_text="`.` or `,`.")
    thousands = serializers.CharField(
        required=False, help_text="`,`, `.`, a space for any kind of space, or `'`."
    )
    affix = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Removed around numbers, such as `€` or `%`."
    )
    date = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Formats of `strptime`, such as `%d.%m.%Y`, tried in this order after ISO 8601.",
    )
    true = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Words, in any case."
    )
    false = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Words, in any case."
    )
    missing = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="All texts that mean a missing value in this column.",
    )


class ColumnSerializer(serializers.Serializer):
    name = serializers.CharField()
    type = serializers.ChoiceField(list(ARROW_TYPES))
    nullable = serializers.BooleanField()
    format = CellFormatSerializer(
        required=False, help_text="Absent if its cells are written as in the whole file."
    )
    role = serializers.ChoiceField(ROLES, required=False, help_text="Set by a user.")
    source = serializers.CharField(required=False, help_text="Its name in the file, if it was renamed.")


class RecipeSerializer(serializers.Serializer):
    """All it takes to read the same bytes the same way again. What a format does not have is null."""

    format = serializers.ChoiceField(list(FORMATS))
    compression = serializers.ChoiceField(list(COMPRESSIONS), allow_null=True)
    member = serializers.CharField(allow_null=True, help_text="The file in a ZIP archive of several tables.")
    encoding = serializers.CharField(allow_null=True)
    delimiter = serializers.CharField(allow_null=True)
    quote = serializers.CharField(help_text="Empty: no character is a quotation mark.")
    escape = serializers.CharField(
        allow_null=True, help_text="Null or empty: quotes are escaped by doubling."
    )
    skip = serializers.IntegerField(allow_null=True, help_text="The number of lines above the header.")
    header = serializers.BooleanField(help_text="False: the names are not in the file.")
    skip_below = serializers.IntegerField(help_text="The number of lines below the header, such as units.")
    footer = serializers.IntegerField(help_text="The number of lines below the table.")
    trailing = serializers.BooleanField(help_text="A delimiter ends every row.")
    padded = serializers.BooleanField(help_text="Spaces around the cells align them.")
    widths = serializers.ListField(
        child=serializers.IntegerField(), help_text="The positions at which columns of fixed width start."
    )
    spaced = serializers.BooleanField(help_text="A space follows each delimiter.")
    decimal = serializers.CharField(allow_null=True)
    sheet = serializers.CharField(allow_null=True, help_text="The sheet of a workbook.")
    columns = ColumnSerializer(many=True)


class ColumnCorrectionSerializer(serializers.Serializer):
    name = serializers.CharField(help_text="Its name; the new one if `source` is set.")
    source = serializers.CharField(required=False, help_text="Its name in the file, to rename it.")
    type = serializers.ChoiceField(
        TYPES, required=False, help_text="`category` and `identifier` are read as text, and set its `role`."
    )
    role = serializers.ChoiceField(ROLES, required=False)
    on_error = serializers.ChoiceField(
        ON_ERROR,
        required=False,
        help_text="What becomes of cells that the type cannot have: missing, or an error.",
    )
    format = CellFormatSerializer(required=False)
    nullable = serializers.BooleanField(required=False, help_text="Ignored: it is detected.")


class CorrectionsSerializer(serializers.Serializer):
    """The parts of a recipe to set; the rest is detected around them. A whole recipe is accepted too."""

    format = serializers.ChoiceField(list(FORMATS), required=False)
    compression = serializers.ChoiceField(
        list(COMPRESSIONS), required=False, allow_null=True, help_text="Ignored: it is detected."
    )
    encoding = serializers.CharField(required=False, help_text="Any that Python has, such as `cp1252`.")
    delimiter = serializers.CharField(
        required=False, help_text="A character, or twice the same, such as `||`."
    )
    quote = serializers.CharField(required=False, help_text="`\"`, `'`, or empty for none.")
    escape = serializers.CharField(required=False, help_text="A backslash, or empty for none.")
    skip = serializers.IntegerField(required=False, help_text="The number of lines above the header.")
    spaced = serializers.BooleanField(required=False)
    decimal = serializers.CharField(required=False, help_text="`.` or `,`.")
    thousands = serializers.CharField(
        required=False, help_text="`,`, `.`, a space for any kind of space, `'`, or empty for none."
    )
    missing = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="All texts that mean a missing value in the file.",
    )
    header = serializers.BooleanField(required=False, help_text="False: the first row has values.")
    skip_below = serializers.IntegerField(
        required=False, help_text="The number of lines below the header, such as units."
    )
    footer = serializers.IntegerField(required=False, help_text="The number of lines below the table.")
    trailing = serializers.BooleanField(required=False, help_text="A delimiter ends every row.")
    padded = serializers.BooleanField(required=False, help_text="Spaces around the cells align them.")
    widths = serializers.ListField(
        child=serializers.IntegerField(), required=False, help_text="The positions at which columns start."
    )
    sheet = serializers.CharField(required=False, help_text="The sheet of a workbook.")
    member = serializers.CharField(required=False, help_text="The file in a ZIP archive.")
    columns = ColumnCorrectionSerializer(many=True, required=False)


class ChoiceSerializer(serializers.Serializer):
    """One way to read what a finding is about."""

    label = serializers.CharField()
    recipe = CorrectionsSerializer(help_text="The part of the recipe to send to choose it.")
    is_current = serializers.BooleanField(help_text="The file is read like this.")


class FindingSerializer(serializers.Serializer):
    """Something that was assumed about the file, or that its user should know."""

    code = serializers.CharField(help_text="For programs, such as `ambiguous_dates`.")
    sentence = serializers.CharField()
    column = serializers.CharField(allow_null=True)
    line = serializers.IntegerField(allow_null=True, help_text="The first line it is about, counted from 1.")
    choices = ChoiceSerializer(
        many=True, help_text="The other ways to read it, if it has any, and the one it is."
    )


class PreviewSerializer(serializers.Serializer):
    """The first 20 rows."""

    rows = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(allow_null=True)),
        help_text="As they are read.",
    )
    cells = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(allow_null=True)),
        help_text="As they are written.",
    )
    lines = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField()),
        help_text="The first lines of a text file: their number and text.",
    )


class ReceiptSerializer(serializers.Serializer):
    """How a file is read."""

    members = serializers.ListField(
        child=serializers.CharField(),
        help_text="The tables of a ZIP archive that has several, of which one is read.",
    )
    recipe = RecipeSerializer()
    findings = FindingSerializer(many=True)
    columns = ColumnSerializer(many=True)
    preview = PreviewSerializer()
    rows = serializers.IntegerField()
    is_estimate = serializers.BooleanField(
        help_text="Only the first 4 MB were read, and `rows` is estimated from them."
    )
    changes = serializers.DictField(
        required=False, help_text="As `GET /datasets/{name}/compare` returns it, if `dataset` was sent."
    )


class DatasetRowSerializer(serializers.ModelSerializer):
    """A row of a list of datasets or versions, without the columns, of which there can be thousands."""

    id = serializers.IntegerField(source="dataset_id")
    name = serializers.CharField(source="dataset.name")
    description = BeginningField(source="dataset.description")
    tags = serializers.ReadOnlyField(source="dataset.tag_names")
    favourite = serializers.BooleanField(
        source="is_favourite", help_text="Whether it is a favourite of yours."
    )
    version = serializers.IntegerField(source="number")
    location = serializers.CharField()
    rows = serializers.IntegerField(source="row_count")
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)
    example = serializers.SerializerMethodField(
        help_text="The scikit-learn example that the file contains, if any."
    )

    class Meta:
        model = DatasetVersion
        fields = [
            "id", "name", "description", "tags", "favourite", "version", "location", "format", "rows", "column_count",
            "size_bytes", "sha256", "created_at", "created_by", "example",
        ]  # fmt: skip

    def get_example(self, version) -> str | None:
        return version.example or None


class DatasetSerializer(DatasetRowSerializer):
    """A dataset with the properties of one of its versions."""

    favourite = None  # of lists only
    description = serializers.CharField(source="dataset.description")
    columns = serializers.SerializerMethodField()
    recipe = serializers.SerializerMethodField()
    corrections = serializers.SerializerMethodField(help_text="What its user has set of the recipe.")
    findings = serializers.SerializerMethodField()
    derivation = DerivationSerializer(
        allow_null=True, help_text="The query whose result it is; null for an uploaded file."
    )
    derived = DerivedVersionSerializer(
        many=True, source="derived_versions", help_text="The versions that queries have made from it."
    )

    class Meta(DatasetRowSerializer.Meta):
        fields = [
            *(name for name in DatasetRowSerializer.Meta.fields if name != "favourite"),
            *("columns", "recipe", "corrections", "findings", "derivation", "derived"),
        ]

    # As they are stored: a table can have 10,000 columns.
    @extend_schema_field(ColumnSerializer(many=True))
    def get_columns(self, version):
        return version.columns

    @extend_schema_field(RecipeSerializer)
    def get_recipe(self, version):
        return version.recipe

    @extend_schema_field(CorrectionsSerializer)
    def get_corrections(self, version):
        return version.corrections

    @extend_schema_field(FindingSerializer(many=True))
    def get_findings(self, version):
        return choices.described(version.findings, version.recipe)


@extend_schema_field(CorrectionsSerializer)
class RecipeField(serializers.Field):
    """The parts of a recipe that are set: a JSON object, in a form its text or a file. The operation checks them."""

    default_error_messages = {
        "invalid": 'Must be a JSON object, such as {{"delimiter": ";"}}.',
        "too_large": f"Must have at most {MAX_BYTES // 1024**2} MB.",
    }

    def to_internal_value(self, data):
        if isinstance(data, str | UploadedFile):
            data = self._parsed(data.encode() if isinstance(data, str) else data.read(MAX_BYTES + 1))
        if not isinstance(data, Mapping):
            self.fail("invalid")
        return data

    def _parsed(self, content):
        if len(content) > MAX_BYTES:
            self.fail("too_large")
        try:
            return json_parser.loads(content)
        except ValidationError as error:
            if error.code != "parse_error":
                raise
            self.fail("invalid")
