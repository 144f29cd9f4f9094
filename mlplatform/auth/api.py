"""POST and DELETE /auth/token: create and revoke API tokens."""

from django.contrib.auth import authenticate
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response

from mlplatform.auth import lockout, tokens
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView
from mlplatform.validation.serializers import Serializer


class SignInSerializer(Serializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False, style={"input_type": "password"})


class NewTokenSerializer(serializers.Serializer):
    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class TokenView(APIView):
    serializer_class = NewTokenSerializer

    def get_authenticators(self):
        # Sign-in reads the credentials from the body only: an expired token in the header must not prevent it.
        return [] if self.request and self.request.method == "POST" else super().get_authenticators()

    def get_authenticate_header(self, request):
        return "Bearer"

    def get_permissions(self):
        return [AllowAny()] if self.request and self.request.method == "POST" else [IsAuthenticated()]

    @extend_schema(
        operation_id="create_token",
        summary="Create a token",
        tags=["auth"],
        auth=[],
        request=SignInSerializer,
        responses={
            201: NewTokenSerializer, 400: ErrorSerializer, 401: ErrorSerializer, 413: ErrorSerializer,
            429: ErrorSerializer,
        },
        examples=[
            OpenApiExample("Sign in", {"username": "admin", "password": "your password"}, request_only=True)
        ],
    )  # fmt: skip
    def post(self, request):
        credentials = SignInSerializer.validated(request.data)
        # django-axes responds to the tenth failure with 429.
        user = authenticate(request._request, **credentials)
        if user is None:
            raise AuthenticationFailed("Incorrect username or password.")
        lockout.remember(request._request, user.get_username())
        return Response(NewTokenSerializer(tokens.create(user)).data, status=201)

    @extend_schema(
        operation_id="revoke_token",
        summary="Revoke the current token",
        tags=["auth"],
        request=None,
        responses={204: None, 401: ErrorSerializer, 404: ErrorSerializer},
    )
    def delete(self, request):
        tokens.revoke(request.user, token_key=getattr(request.auth, "token_key", ""))
        return Response(status=204)
