"""A person's credential whose sign-in is too old or too weak for what it is used at (RFC 9470)."""

from __future__ import annotations

from authserver.domain.access.step_up import Demand
from authserver.edge import json_errors
from authserver.edge.bearer import Principal
from authserver.errors import Check
from authserver.lib import clock


def require(holder: Principal, demand: Demand) -> None:
    """Refuse it, saying how a sign-in would have to be. Raises ApiError (401).

    What acts for nobody has nobody who could sign in; an API key acts for its owner, and stands for no sign-in.
    """
    now = clock.now()
    if holder.owner_id is None or demand.is_met(holder.auth_time, holder.acr, now):
        return
    error = json_errors.insufficient_user_authentication(demand.parameters, by_key=holder.kind == "api_key")
    error.checks = tuple(_checks(holder, demand, now))
    raise error


def _checks(holder: Principal, demand: Demand, now: int) -> list[Check]:
    age = "no sign-in" if holder.auth_time is None else f"{now - holder.auth_time} seconds"
    checks = []
    if not Demand(max_age=demand.max_age).is_met(holder.auth_time, holder.acr, now):
        checks.append(Check("age of the sign-in", False, f"at most {demand.max_age} seconds", age))
    if not Demand(acr_values=demand.acr_values).is_met(holder.auth_time, holder.acr, now):
        checks.append(Check("acr", False, " or ".join(demand.acr_values), holder.acr or "no sign-in"))
    return checks
