"""A person who signs in."""

from typing import Any

from sqlalchemy import JSON, BigInteger, ColumnElement, Index, String, case, func
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, validates

from authserver.lib import emails
from authserver.tables import Base, only


def _key_of_row(context: Any) -> str:
    return emails.normalise(context.get_current_parameters()["email"])


class User(Base):
    __tablename__ = "users"
    __table_args__ = (
        Index("ix_users_listed", "created_at", "id", **only("deleted_at IS NULL")),
        Index("ix_users_invited", "created_at", "id", **only("password_hash IS NULL")),
        Index("ix_users_disabled", "created_at", "id", **only("disabled_at IS NOT NULL")),
        Index("ix_users_deleted_at", "deleted_at", **only("deleted_at IS NOT NULL")),
        Index("ix_users_role", "role"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # the `sub` of tokens, never reused
    email: Mapped[str] = mapped_column(String(254), unique=True)  # as given: what is shown and mailed to
    email_key: Mapped[str] = mapped_column(String(254), unique=True, default=_key_of_row)  # what is compared
    # What applications take for an account's name; lower case, see domain.people.usernames.
    username: Mapped[str] = mapped_column(String(254), unique=True)
    chosen_name: Mapped[str] = mapped_column("name", String(200), default="")
    given_name: Mapped[str] = mapped_column(String(100), default="")
    family_name: Mapped[str] = mapped_column(String(100), default="")
    # What else they tell of themselves, by the names of OpenID Connect Core 5.1; see domain.people.standard_claims.
    standard_claims: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    role: Mapped[str] = mapped_column(String(10), default="user")  # see domain.access.roles
    password_hash: Mapped[str | None] = mapped_column(String(255))
    password_changed_at: Mapped[int | None] = mapped_column(BigInteger)
    email_verified_at: Mapped[int | None] = mapped_column(BigInteger)
    tokens_not_before: Mapped[int] = mapped_column(BigInteger, default=0)  # tokens issued before are dead
    disabled_at: Mapped[int | None] = mapped_column(BigInteger)
    # Then disabled, too, so that whatever asks for the one need not ask for the other; erased seven days later.
    deleted_at: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    person_updated_at: Mapped[int] = mapped_column("updated_at", BigInteger)  # what apps are told about them
    last_login_at: Mapped[int | None] = mapped_column(BigInteger)

    @validates("email")
    def _set_key(self, _name: str, email: str) -> str:
        self.email_key = emails.normalise(email)
        return email

    @hybrid_property
    def name(self) -> str:
        """What is shown: the name they chose, else its two parts; never cut in two the other way round."""
        return self.chosen_name or composed(self.given_name, self.family_name)

    @name.inplace.setter
    def _set_name(self, name: str) -> None:
        self.chosen_name = name

    @name.inplace.expression
    @classmethod
    def _name_in_sql(cls) -> ColumnElement[str]:
        parts = func.trim(cls.given_name + " " + cls.family_name)
        return case((cls.chosen_name != "", cls.chosen_name), else_=parts)

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def initials(self) -> str:
        words = (self.name or self.email).replace("@", " ").split()
        return "".join(word[0] for word in words[:2]).upper()


def composed(given_name: str, family_name: str) -> str:
    """A name made of its parts, for a person who chose none."""
    return f"{given_name} {family_name}".strip()
