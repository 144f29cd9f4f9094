from django.contrib import admin

from mlplatform.inspection import InspectionAdmin, link, readable
from serving.models import Proof


@admin.register(Proof)
class ProofAdmin(InspectionAdmin):
    version = link("model_version")
    rows_text, predictions_text, probabilities_text = map(readable, ("rows", "predictions", "probabilities"))
    list_display = ["__str__", "version", "plan", "reason"]
    list_filter = ["plan"]
    search_fields = ["model_version__dataset__name", "reason"]
    fields = ["version", "plan", "reason", "rows_text", "predictions_text", "probabilities_text"]
    readonly_fields = fields

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("model_version__dataset")
