from django.contrib import admin
from django.urls import include, path

from mlplatform.auth import api, views
from mlplatform.openapi import DocsView, SchemaView
from mlplatform.search import api as search_api
from mlplatform.search import views as search_views
from serving.workbench.views import home

urlpatterns = [
    # The API: paths without a trailing slash
    path("auth/token", api.TokenView.as_view(), name="api-token"),
    path("", include("catalog.api_urls")),
    path("", include("registry.api_urls")),
    path("", include("serving.api_urls")),
    path("search", search_api.SearchView.as_view()),
    path("api/", include("registry.mlflow.urls")),
    path("schema", SchemaView.as_view(), name="schema"),
    path("docs", DocsView.as_view(url_name="schema"), name="docs"),
    # Pages
    path("accounts/login/", views.SignInView.as_view(), name="login"),
    path("accounts/logout/", views.SignOutView.as_view(), name="logout"),
    path("accounts/tokens/", views.tokens, name="tokens"),
    path("accounts/tokens/<str:token_key>/revoke/", views.revoke_token, name="revoke-token"),
    path("search/", search_views.search, name="search"),
    path("catalog/", include("catalog.urls")),
    path("registry/", include("registry.urls")),
    path("", home, name="home"),
    path("", include("serving.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "mlplatform.errors.bad_request"
handler403 = "mlplatform.errors.permission_denied"
handler404 = "mlplatform.errors.page_not_found"
handler500 = "mlplatform.errors.server_error"
