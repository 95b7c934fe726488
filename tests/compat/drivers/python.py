"""Drives python-socketio and websockets. See line.js for what is said and told."""
import asyncio
import json
import random
import sys
from urllib.parse import urlencode

import socketio
import websockets

EVENTS = "message join leave user_connect user_disconnect presence_join presence_leave user_status missed".split()
FINALS = ("replaced", "disconnected")


def tell_of(client):
    def tell(event, *args):
        print(json.dumps({"client": client, "event": event, "args": args}), flush=True)

    return tell


class SocketIO:
    """python-socketio, which comes back by itself once it was connected."""

    def __init__(self, request, tell):
        self.request, self.tell, self.running = request, tell, None

    def make(self):
        sio = socketio.AsyncClient(reconnection_delay=0.1, reconnection_delay_max=0.5)
        sio.on("connect", lambda: self.tell("connect"), namespace="/stream")
        sio.on("disconnect", self.disconnected, namespace="/stream")
        sio.on("connect_error", lambda why=None: self.refused(why), namespace="/stream")
        for name in EVENTS:
            sio.on(name, lambda *args, name=name: self.tell(name, *args), namespace="/stream")
        return sio

    def disconnected(self):
        self.tell("drop")
        self.running = asyncio.ensure_future(self.watch(self.sio))

    async def watch(self, sio):
        """The client says nothing of the reason. It stays away if its transport has ended and it does not begin to come back."""
        while sio is self.sio and not sio.connected:
            if sio.eio.state == "disconnected":
                await asyncio.sleep(0.2)
                if sio._reconnect_task is None:
                    self.tell("over", "io server disconnect")
                return
            await asyncio.sleep(0.1)

    def refused(self, why):
        final = isinstance(why, dict)
        self.tell("over" if final else "drop", why.get("message") if final else str(why))

    async def open(self, query=None):
        self.sio = self.make()
        try:
            await self.sio.connect(
                self.request["url"], auth=query or self.request["query"], namespaces=["/stream"],
                transports=self.request.get("transports"), wait_timeout=10)
        except socketio.exceptions.ConnectionError as err:
            self.tell("refused", str(err))

    async def emit(self, event, *args):
        await self.sio.emit(event, args[0], namespace="/stream")

    async def fresh(self, query):
        await self.close()
        await self.open(query)

    async def close(self):
        await self.sio.disconnect()


class Plain:
    """websockets in a loop, which hands back no offset."""

    def __init__(self, request, tell):
        self.request, self.tell, self.running = request, tell, None

    async def open(self, query=None):
        self.running = asyncio.ensure_future(self.run(query or self.request["query"]))

    async def run(self, query):
        url = self.request["url"].replace("http", "ws") + "/ws?" + urlencode(query)
        while True:
            try:
                async with websockets.connect(url, ping_interval=1, ping_timeout=1.5) as ws:
                    self.tell("connect")
                    async for frame in ws:
                        self.tell("message", json.loads(frame))
                why = ws.close_reason
            except websockets.exceptions.ConnectionClosed as err:
                why = err.reason
            except (OSError, asyncio.TimeoutError, websockets.exceptions.WebSocketException) as err:
                why = repr(err)
            if why in FINALS:
                self.tell("over", why)
                return
            self.tell("drop", why)
            await asyncio.sleep(0.1 + 0.2 * random.random())

    async def fresh(self, query):
        await self.close()
        await self.open(query)

    async def close(self):
        self.running.cancel()
        await asyncio.wait([self.running])


FAMILIES = {"socketio": SocketIO, "plain": Plain}


async def main():
    clients, tasks = {}, set()

    async def work(request):
        client = request["client"]
        try:
            if request["do"] == "open":
                clients[client] = FAMILIES[request["family"]](request, tell_of(client))
                await clients[client].open()
            else:
                await getattr(clients[client], request["do"])(*request["args"])
        except Exception as err:  # pylint: disable=broad-except
            tell_of(client)("failed", repr(err))

    lines = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print('{"event": "ready"}', flush=True)
    async for line in lines:
        task = asyncio.ensure_future(work(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


asyncio.run(main())
