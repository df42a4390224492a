"""Starts ministack with every listener on loopback.

BIND_HOST says where its HTTP server listens, but its MQTT broker listens on all interfaces whatever that says, and a
broker of a test has nothing to do there.
"""

from asyncio import base_events

from ministack.app import main

create_server = base_events.BaseEventLoop.create_server


async def create_server_on_loopback(self, protocol_factory, host=None, port=None, **options):
    if options.get("sock") is None:
        host = "127.0.0.1"
    return await create_server(self, protocol_factory, host, port, **options)


base_events.BaseEventLoop.create_server = create_server_on_loopback
main()
