"""The context of an operation: a request's, with the loaders that gather its reads."""

from execution.loaders import Loaders
from resolvers.context import App, Context, Viewer


class OperationContext(Context):
    """What resolvers are given, and what edges load through."""

    def __init__(
        self, app: App, viewer: Viewer | None, base_url: str = "", address: str | None = None, network: str = ""
    ) -> None:
        super().__init__(app, viewer, base_url, address, network)
        self.loaders = Loaders()
