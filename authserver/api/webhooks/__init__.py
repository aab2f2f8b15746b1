"""/v1/webhooks: endpoints, their deliveries, tests and signatures (scope settings:manage)."""

from authserver.api.webhooks import deliveries, endpoints
from authserver.api.webhooks.schemas import ASKED, FILTERS, OVERLAP, SCHEMAS, SECRET, SIGNED, SINCE
from authserver.edge.api_call import OWNER, Route
from authserver.edge.json_schema import record, ref

__all__ = ["ROUTES", "SCHEMAS"]
NEEDED = ("settings:manage",)
P = "/v1/webhooks"
ROUTES = (
    Route("GET", P, endpoints.index, NEEDED, "List webhooks", ref("Webhook"), query=OWNER, many=True),
    Route("POST", P, endpoints.create, NEEDED, "Create a webhook", ref("NewWebhook"),
          record({**ASKED, "secret": SECRET}, "name", "url"), status=201, creates=True,
          rehearsed=("id", "secret"), errors=(409, 422)),
    Route("GET", f"{P}/{{id}}", endpoints.show, NEEDED, "Show a webhook", ref("Webhook"), errors=(404,)),
    Route("PATCH", f"{P}/{{id}}", endpoints.change, NEEDED, "Change a webhook", ref("Webhook"), record(ASKED),
          errors=(404, 409, 422)),
    Route("DELETE", f"{P}/{{id}}", endpoints.remove, NEEDED, "Delete a webhook", status=204, errors=(404,)),
    Route("POST", f"{P}/{{id}}/secret", endpoints.rotate_secret, NEEDED, "Rotate the secret", ref("NewWebhook"),
          OVERLAP, status=201, creates=True, errors=(404, 422)),
    Route("POST", f"{P}/{{id}}/test", endpoints.test, NEEDED, "Send a test event", ref("Tested"), status=202,
          errors=(404, 409)),
    Route("POST", f"{P}/{{id}}/verify", endpoints.verify, NEEDED, "Check a signature", ref("Verified"), SIGNED,
          raw=True, errors=(404, 422)),
    Route("POST", f"{P}/{{id}}/replay", deliveries.replay, NEEDED, "Send what has not arrived", ref("Queued"), SINCE,
          status=202, errors=(404, 409, 422)),
    Route("GET", f"{P}/{{id}}/deliveries", deliveries.list_deliveries, NEEDED, "List deliveries", ref("Delivery"),
          query=FILTERS, many=True, errors=(404,)),
    Route("GET", f"{P}/{{id}}/deliveries/{{delivery_id}}", deliveries.show_delivery, NEEDED, "Show a delivery",
          ref("DeliveryWithRequests"), errors=(404,)),
    Route("POST", f"{P}/{{id}}/deliveries/{{delivery_id}}/resend", deliveries.resend, NEEDED, "Send a delivery again",
          ref("Queued"), status=202, errors=(404, 409)),
)  # fmt: skip
