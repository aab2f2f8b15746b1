"""What a hub without its proxy needs, after the page's own configuration: people come to it directly."""

import os

from jupyterhub.proxy import Proxy

load_subconfig("connect_config.py")  # noqa: F821  # noqa: F821


class Nobody(Proxy):
    """A proxy that only remembers its routes."""

    should_start = False

    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.routes = {}

    async def add_route(self, routespec, target, data):
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec):
        self.routes.pop(routespec, None)

    async def get_all_routes(self):
        return self.routes


address = os.environ["HUB_ADDRESS"]
c = get_config()  # noqa: F821
c.JupyterHub.proxy_class = Nobody
c.JupyterHub.bind_url = address
c.JupyterHub.hub_bind_url = address
c.JupyterHub.cookie_secret_file = "cookie_secret"
c.JupyterHub.spawner_class = "simple"
