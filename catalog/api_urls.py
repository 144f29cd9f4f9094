from django.urls import path

from catalog import api
from catalog.derivation import api as derivation
from catalog.exploration import api as exploration
from catalog.imports import api as imports
from catalog.imports import upload_api
from catalog.reference import api as reference

urlpatterns = [
    path("datasets", api.DatasetListView.as_view(), name="api-datasets"),
    path("datasets/inspect", upload_api.InspectView.as_view()),
    path("datasets/upload", upload_api.UploadView.as_view()),
    path("datasets/derive", derivation.DeriveView.as_view()),
    path("datasets/derive/preview", derivation.PreviewView.as_view()),
    path("datasets/register", reference.RegisterView.as_view()),
    path("datasets/<str:name>", api.DatasetView.as_view(), name="api-dataset"),
    path("datasets/<str:name>/favourite", api.FavouriteDatasetView.as_view()),
    path("datasets/<str:name>/versions", api.DatasetVersionListView.as_view(), name="api-dataset-versions"),
    path("datasets/<str:name>/columns", exploration.ColumnListView.as_view(), name="api-columns"),
    path("datasets/<str:name>/versions/<int:version>", upload_api.DatasetVersionView.as_view()),
    path("datasets/<str:name>/derive", derivation.RunAgainView.as_view()),
    path("datasets/<str:name>/file", api.DatasetFileView.as_view(), name="api-dataset-file"),
    path("imports", imports.ImportJobListView.as_view(), name="api-imports"),
    path("imports/<int:pk>", imports.ImportJobView.as_view(), name="api-import"),
    path("imports/<int:pk>/cancel", imports.CancelImportJobView.as_view()),
    path("datasets/<str:name>/rows", exploration.RowsView.as_view()),
    path("datasets/<str:name>/compare", exploration.CompareView.as_view()),
]
