"""/demo/v1/workflows: an API to try keys and tokens on; it runs in the demo alone."""

from __future__ import annotations

from typing import Any

from authserver.domain.demo import workflows as demo_workflows
from authserver.domain.demo.workflows import DemoWorkflow
from authserver.edge.api_call import Call, Route, many, nothing, one, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_schema import BOOLEAN, INTEGER, STRING, TIME, Schema, record, ref, shown

READ, WRITE, DELETE, ANALYTICS = "workflows:read", "workflows:write", "workflows:delete", "analytics:read"


def index(call: Call) -> Outgoing:
    """The workflows of whoever the credential stands for."""
    rows, total = demo_workflows.page(call.holder.subject, **call.part)
    return many(rows.each(facts), total, call)


def create(call: Call) -> Outgoing:
    """A new workflow."""
    row = demo_workflows.create(call.holder.subject, call.body["name"], active=call.body.get("active", True))
    answer = one(facts(row), 201)
    answer.headers.append(("Location", f"/demo/v1/workflows/{row.id}"))
    return answer


def show(call: Call) -> Outgoing:
    """One workflow."""
    return one(facts(demo_workflows.get(call.holder.subject, call.path["id"])))


def change(call: Call) -> Outgoing:
    """Rename it, stop it or start it."""
    asked = call.body
    return one(
        facts(
            demo_workflows.change(
                call.holder.subject, call.path["id"], name=asked.get("name"), active=asked.get("active")
            )
        )
    )


def remove(call: Call) -> Outgoing:
    """Delete it: Full Access alone can."""
    demo_workflows.remove(call.holder.subject, call.path["id"])
    return nothing()


def analytics(call: Call) -> Outgoing:
    """What all of them did."""
    found = demo_workflows.figures(call.holder.subject)
    return one({"workflows": found.workflows, "active": found.active, "runs": found.runs, "failures": found.failures})


def facts(row: DemoWorkflow) -> dict[str, Any]:
    """A workflow."""
    return {
        "id": row.id,
        "name": row.name,
        "active": row.active,
        "runs": row.runs,
        "failures": row.failures,
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
    }


_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 100}
_NEW = record({"name": _NAME, "active": BOOLEAN}, "name")
_CHANGE = record({"name": _NAME, "active": BOOLEAN})
SCHEMAS: dict[str, Schema] = {
    "Workflow": shown(
        {
            "id": STRING, "name": STRING, "active": BOOLEAN, "runs": INTEGER, "failures": INTEGER, "created_at": TIME,
            "updated_at": TIME,
        }
    ),
    "Analytics": shown({"workflows": INTEGER, "active": INTEGER, "runs": INTEGER, "failures": INTEGER}),
}  # fmt: skip
PATH = "/demo/v1/workflows"
ROUTES = (
    Route("GET", PATH, index, (READ,), "List workflows", ref("Workflow"), many=True),
    Route("POST", PATH, create, (WRITE,), "Create a workflow", ref("Workflow"), _NEW,
          status=201, creates=True, errors=(409, 422)),
    Route("GET", f"{PATH}/analytics", analytics, (ANALYTICS,), "Show what workflows did", ref("Analytics")),
    Route("GET", f"{PATH}/{{id}}", show, (READ,), "Show a workflow", ref("Workflow"), errors=(404,)),
    Route("PATCH", f"{PATH}/{{id}}", change, (WRITE,), "Change a workflow", ref("Workflow"), _CHANGE,
          errors=(404, 422)),
    Route("PUT", f"{PATH}/{{id}}", change, (WRITE,), "Change a workflow, too", ref("Workflow"), _CHANGE,
          errors=(404, 422)),
    Route("DELETE", f"{PATH}/{{id}}", remove, (DELETE,), "Delete a workflow", status=204, errors=(404,)),
)  # fmt: skip
