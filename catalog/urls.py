from django.urls import path

from catalog import views
from catalog.imports import views as imports

app_name = "catalog"

urlpatterns = [
    path("", views.dataset_list, name="datasets"),
    path("upload/", views.upload, name="upload"),
    path("upload/imports/<int:pk>/", imports.job, name="import"),
    path("add-example/", views.add_example, name="add-example"),
    path("<str:name>/", views.dataset, name="dataset"),
    path("<str:name>/edit/", views.edit_dataset, name="edit-dataset"),
    path("<str:name>/delete/", views.delete_dataset, name="delete-dataset"),
]
