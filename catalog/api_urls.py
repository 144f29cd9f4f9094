from django.urls import path

from catalog import api

urlpatterns = [
    path("datasets", api.DatasetListView.as_view(), name="api-datasets"),
    path("datasets/upload", api.UploadView.as_view()),
    path("datasets/<str:name>", api.DatasetView.as_view(), name="api-dataset"),
    path("datasets/<str:name>/file", api.DatasetFileView.as_view(), name="api-dataset-file"),
]
