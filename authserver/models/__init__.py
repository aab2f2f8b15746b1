"""Tables, one file each: columns, and facts about one row."""

from authserver.models.access.permission_level import PermissionLevel
from authserver.models.access.resource import Resource
from authserver.models.access.route_table import RouteTable
from authserver.models.access.scope import Scope
from authserver.models.api_keys.key import ApiKey
from authserver.models.authorization.device import DeviceAuthorization
from authserver.models.authorization.request import AuthorizationRequest
from authserver.models.clients.blocked_app import BlockedApp
from authserver.models.clients.client import Client
from authserver.models.clients.fetched_jwks import FetchedJwks
from authserver.models.clients.logo import ClientLogo
from authserver.models.clients.registration_token import RegistrationToken
from authserver.models.clients.secret import ClientSecret
from authserver.models.clients.transfer import ClientTransfer
from authserver.models.demo.workflow import DemoWorkflow
from authserver.models.grants.code import AuthorizationCode
from authserver.models.grants.consent import Consent
from authserver.models.grants.grant import Grant
from authserver.models.grants.logout_notice import LogoutNotice
from authserver.models.grants.pairwise_subject import PairwiseSubject
from authserver.models.grants.refresh_token import RefreshToken
from authserver.models.ground.attempt_counter import AttemptCounter
from authserver.models.ground.cache_change import CacheChange
from authserver.models.ground.cache_version import CacheVersion
from authserver.models.ground.form_nonce import FormNonce
from authserver.models.ground.idempotency_key import IdempotencyKey
from authserver.models.ground.last_run import LastRun
from authserver.models.ground.machine_clock import MachineClock
from authserver.models.ground.mail import Mail
from authserver.models.ground.one_time_link import OneTimeLink
from authserver.models.ground.usage_count import UsageCount
from authserver.models.ground.usage_total import UsageTotal
from authserver.models.ground.write_probe import WriteProbe
from authserver.models.insight.refusal import Refusal
from authserver.models.people.kept_form import KeptForm
from authserver.models.people.known_device import KnownDevice
from authserver.models.people.session import SignInSession
from authserver.models.people.used_username import UsedUsername
from authserver.models.people.user import User
from authserver.models.record.audit_checkpoint import AuditCheckpoint
from authserver.models.record.audit_event import AuditEvent
from authserver.models.record.audit_head import AuditHead
from authserver.models.signing.key import SigningKey
from authserver.models.tokens.access_token import AccessToken
from authserver.models.tokens.revoked_token import RevokedToken
from authserver.models.tokens.used_jti import UsedJti
from authserver.models.webhooks.attempt import WebhookAttempt
from authserver.models.webhooks.delivery import WebhookDelivery
from authserver.models.webhooks.endpoint import WebhookEndpoint
from authserver.models.webhooks.event import WebhookEvent

__all__ = [
    "AccessToken",
    "ApiKey",
    "AttemptCounter",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditHead",
    "AuthorizationCode",
    "AuthorizationRequest",
    "BlockedApp",
    "CacheChange",
    "CacheVersion",
    "Client",
    "ClientLogo",
    "ClientSecret",
    "ClientTransfer",
    "Consent",
    "DemoWorkflow",
    "DeviceAuthorization",
    "FetchedJwks",
    "FormNonce",
    "Grant",
    "IdempotencyKey",
    "KeptForm",
    "KnownDevice",
    "LastRun",
    "LogoutNotice",
    "MachineClock",
    "Mail",
    "OneTimeLink",
    "PairwiseSubject",
    "PermissionLevel",
    "RefreshToken",
    "Refusal",
    "RegistrationToken",
    "Resource",
    "RevokedToken",
    "RouteTable",
    "Scope",
    "SignInSession",
    "SigningKey",
    "UsageCount",
    "UsageTotal",
    "UsedJti",
    "UsedUsername",
    "User",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "WriteProbe",
]
