from django.urls import path

from catalog import selection_views, views
from catalog.derivation import views as derivation
from catalog.exploration import views as exploration
from catalog.imports import views as imports
from catalog.receipt import views as receipt
from catalog.reference import views as reference

app_name = "catalog"

urlpatterns = [
    path("", views.dataset_list, name="datasets"),
    path("upload/imports/", imports.unfinished, name="imports"),
    path("upload/imports/<int:pk>/", imports.job, name="import"),
    path("upload/", receipt.upload, name="upload"),
    path("upload/<int:pk>/", receipt.receipt, name="receipt"),
    path("upload/<int:pk>/changes/", receipt.changes, name="changes"),
    path("upload/<int:pk>/discard/", receipt.discard, name="discard"),
    path("derive/", derivation.derive, name="derive"),
    path("derive/preview/", derivation.preview_query, name="preview-query"),
    path("register/", reference.register, name="register"),
    path("tag-selected/", selection_views.tag_datasets, name="tag-datasets"),
    path("delete-selected/", selection_views.delete_datasets, name="delete-datasets"),
    path("add-example/", views.add_example, name="add-example"),
    path("<str:name>/", views.dataset, name="dataset"),
    path("<str:name>/favourite/", views.favourite_dataset, name="favourite-dataset"),
    path("<str:name>/derive/", derivation.run_again, name="run-again"),
    path("<str:name>/register/", reference.register_again, name="register-again"),
    path("<str:name>/edit/", views.edit_dataset, name="edit-dataset"),
    path("<str:name>/versions/<int:version>/read/", receipt.read_differently, name="read-differently"),
    path("<str:name>/column/", exploration.column, name="column"),
    path("<str:name>/rows/", exploration.rows, name="rows"),
    path("<str:name>/compare/", exploration.compare, name="compare"),
    path("<str:name>/delete/", views.delete_dataset, name="delete-dataset"),
]
