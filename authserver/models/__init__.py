"""Tables, one file each: columns, and facts about one row."""

from authserver.models.access_token import AccessToken
from authserver.models.api_key import ApiKey
from authserver.models.attempt_counter import AttemptCounter
from authserver.models.audit_checkpoint import AuditCheckpoint
from authserver.models.audit_event import AuditEvent
from authserver.models.audit_head import AuditHead
from authserver.models.authorization_code import AuthorizationCode
from authserver.models.authorization_request import AuthorizationRequest
from authserver.models.cache_version import CacheVersion
from authserver.models.client import Client
from authserver.models.client_secret import ClientSecret
from authserver.models.consent import Consent
from authserver.models.demo_workflow import DemoWorkflow
from authserver.models.fetched_jwks import FetchedJwks
from authserver.models.form_nonce import FormNonce
from authserver.models.grant import Grant
from authserver.models.idempotency_key import IdempotencyKey
from authserver.models.known_device import KnownDevice
from authserver.models.mail import Mail
from authserver.models.one_time_link import OneTimeLink
from authserver.models.permission_level import PermissionLevel
from authserver.models.refresh_token import RefreshToken
from authserver.models.refusal import Refusal
from authserver.models.resource import Resource
from authserver.models.revoked_token import RevokedToken
from authserver.models.route_table import RouteTable
from authserver.models.scope import Scope
from authserver.models.session import SignInSession
from authserver.models.signing_key import SigningKey
from authserver.models.usage_count import UsageCount
from authserver.models.used_jti import UsedJti
from authserver.models.user import User
from authserver.models.webhook_attempt import WebhookAttempt
from authserver.models.webhook_delivery import WebhookDelivery
from authserver.models.webhook_endpoint import WebhookEndpoint
from authserver.models.webhook_event import WebhookEvent

__all__ = [
    "AccessToken",
    "ApiKey",
    "AttemptCounter",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditHead",
    "AuthorizationCode",
    "AuthorizationRequest",
    "CacheVersion",
    "Client",
    "ClientSecret",
    "Consent",
    "DemoWorkflow",
    "FetchedJwks",
    "FormNonce",
    "Grant",
    "IdempotencyKey",
    "KnownDevice",
    "Mail",
    "OneTimeLink",
    "PermissionLevel",
    "RefreshToken",
    "Refusal",
    "Resource",
    "RevokedToken",
    "RouteTable",
    "Scope",
    "SignInSession",
    "SigningKey",
    "UsageCount",
    "UsedJti",
    "User",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
]
