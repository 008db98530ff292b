"""The module of torture/plugins/modules in Python: it owes answers, and fails when told to."""
from flux.brokermod import BrokerModule, request_handler


class Testmod(BrokerModule):
    """What src/broker/modhost/testmod.c does of it."""

    def __init__(self, h, *args):
        super().__init__(h, *args)
        if "fail" in args:
            raise OSError(22, "as asked")
        self.held = []

    @request_handler("hold")
    def hold(self, msg):
        """Answer never."""
        self.held.append(msg)

    @request_handler("args")
    def list_args(self, msg):
        """What it was loaded with."""
        self.handle.respond(msg, {"args": self.args})
