"""/v1/clients: OAuth clients in the words of RFC 7591 (scope settings:manage)."""

from authserver.api.clients import registered, secrets, transfers
from authserver.api.clients.schemas import ACCEPTED, CHANGE, END_MADE, FILTERS, NEW, OFFERED, ROTATION, SCHEMAS
from authserver.edge.api_call import OWNER, Route
from authserver.edge.json_schema import ref

__all__ = ["ROUTES", "SCHEMAS"]
NEEDED = ("settings:manage",)
ROUTES = (
    Route("GET", "/v1/clients", registered.index, NEEDED, "List clients", ref("RegisteredClient"),
          query={**OWNER, **FILTERS}, many=True),
    Route("POST", "/v1/clients", registered.create, NEEDED, "Register a client", ref("NewRegisteredClient"), NEW,
          status=201, creates=True, rehearsed=("client_id", "client_secret"), errors=(409, 422)),
    Route("GET", "/v1/clients/{id}", registered.show, NEEDED, "Show a client", ref("RegisteredClient"), errors=(404,)),
    Route("PATCH", "/v1/clients/{id}", registered.change, NEEDED, "Change a client", ref("RegisteredClient"), CHANGE,
          errors=(404, 409, 422)),
    Route("DELETE", "/v1/clients/{id}", registered.remove, NEEDED, "Delete a client", status=204, errors=(404,),
          query=END_MADE),
    Route("GET", "/v1/clients/{id}/secrets", secrets.list_secrets, NEEDED, "List secrets", ref("ClientSecret"),
          many=True, errors=(404,)),
    Route("POST", "/v1/clients/{id}/secrets", secrets.rotate_secret, NEEDED, "Rotate the secret",
          ref("NewClientSecret"), ROTATION, status=201, creates=True, errors=(404, 409, 422)),
    Route("DELETE", "/v1/clients/{id}/secrets/{secret_id}", secrets.end_secret, NEEDED, "End a secret",
          status=204, errors=(404, 409)),
    Route("POST", "/v1/clients/{id}/transfer", transfers.offer, NEEDED, "Offer a client to somebody", ref("Offer"),
          OFFERED, status=201, errors=(404, 409, 422)),
    Route("DELETE", "/v1/clients/{id}/transfer", transfers.withdraw, NEEDED, "Take an offer back, or decline it",
          status=204, errors=(404,)),
    Route("POST", "/v1/clients/{id}/transfer/accept", transfers.accept, NEEDED, "Take an offered client over",
          ref("NewRegisteredClient"), ACCEPTED, status=201, errors=(404, 409, 422)),
)  # fmt: skip
