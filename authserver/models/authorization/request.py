"""An authorization request as it came in; it wins over anything a browser sends later."""

from sqlalchemy import JSON, BigInteger, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class AuthorizationRequest(Base):
    __tablename__ = "authorization_requests"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)  # of the handle in our links
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"), index=True)
    browser: Mapped[bytes] = mapped_column(LargeBinary(32))  # digest of the browser's cookie: no other may go on
    session_before: Mapped[str | None] = mapped_column(String(32))  # the sign-in it met; prompt=login wants another
    redirect_uri: Mapped[str] = mapped_column(String(2000))
    redirect_uri_sent: Mapped[bool] = mapped_column(default=True)
    response_mode: Mapped[str] = mapped_column(String(20), default="query")
    state: Mapped[str | None] = mapped_column(Text)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    scope_asked: Mapped[bool] = mapped_column(default=True)  # False: the app did not say what it needs
    resources: Mapped[list[str]] = mapped_column(JSON, default=list)
    code_challenge: Mapped[str | None] = mapped_column(String(43))
    nonce: Mapped[str | None] = mapped_column(Text)
    prompt: Mapped[list[str]] = mapped_column(JSON, default=list)
    max_age: Mapped[int | None] = mapped_column(BigInteger)
    login_hint: Mapped[str] = mapped_column(String(254), default="")
    subject: Mapped[str | None] = mapped_column(String(255))  # who has to be signed in, as the app knows them
    acr_values: Mapped[list[str]] = mapped_column(JSON, default=list)
    acr_essential: Mapped[bool] = mapped_column(default=False)
    claims: Mapped[dict[str, list[str]]] = mapped_column(JSON, default=dict)  # asked one by one: names by place
    object_mark: Mapped[bytes | None] = mapped_column(LargeBinary(32))  # digest of its request object's jti
    object_ends_at: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
    user_id: Mapped[str | None] = mapped_column(String(32))  # who is being asked, set when consent is shown
    chosen_at: Mapped[int | None] = mapped_column(BigInteger)  # prompt=select_account: they stay with this account
    answered_at: Mapped[int | None] = mapped_column(BigInteger)
    answer: Mapped[str | None] = mapped_column(String(10))  # allow, deny
