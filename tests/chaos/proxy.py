"""A TCP proxy with switches, between Penstock and Redis: what a network does to a connection."""
import asyncio
import threading

PATIENCE = 30


class Proxy:
    """Each direction ("up": towards Redis, "down": its answers) flows, or is held (kept, as TCP keeps what a partition
    delays), or is lost: what was open when it was lost, or is opened until heal(), stays open and carries nothing any
    more. `delay` (s) and `trickle` (bytes a write, 1 ms apart) change how it flows."""

    def __init__(self, port):
        self.target = port
        self.held = {"up": False, "down": False}
        self.losing = set()  # sides
        self.lost = set()    # (side, pair)
        self.delay = {"up": 0, "down": 0}
        self.trickle = 0
        self.refusing = False
        self.pairs = set()
        self.loop = asyncio.new_event_loop()
        self.listening = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.listening.wait(PATIENCE)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.changed = asyncio.Event()
        server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=256))
        self.port = server.sockets[0].getsockname()[1]
        self.listening.set()
        self.loop.run_forever()

    async def _serve(self, reader, writer):
        if self.refusing:
            writer.transport.abort()
            return
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, up_writer)
        self.pairs.add(pair)
        self.lost.update((side, pair) for side in self.losing)
        await asyncio.gather(self._pump("up", reader, up_writer, pair), self._pump("down", up_reader, writer, pair))
        self.pairs.discard(pair)
        self.lost -= {("up", pair), ("down", pair)}

    async def _pump(self, side, reader, writer, pair):
        try:
            while True:
                data = await reader.read(65536)
                if not data:
                    break
                if self.delay[side]:
                    await asyncio.sleep(self.delay[side])
                while self.held[side]:
                    await self.changed.wait()
                if (side, pair) in self.lost:
                    continue
                step = self.trickle or len(data)
                for at in range(0, len(data), step):
                    if writer.is_closing():
                        break
                    writer.write(data[at:at + step])
                    if self.trickle:
                        await asyncio.sleep(0.001)
                await writer.drain()
        except OSError:
            pass
        for end in pair:
            end.transport.abort()

    # --- switches; each takes effect at once

    def _call(self, function):
        done = threading.Event()

        def run():
            function()
            self.changed.set()
            self.changed = asyncio.Event()
            done.set()
        self.loop.call_soon_threadsafe(run)
        assert done.wait(PATIENCE)

    def hold(self, *sides):
        self._call(lambda: self.held.update({side: True for side in sides}))

    def lose(self, *sides):
        def run():
            self.losing.update(sides)
            self.lost.update((side, pair) for side in sides for pair in self.pairs)
        self._call(run)

    def slow(self, seconds, *sides):
        self._call(lambda: self.delay.update({side: seconds for side in sides}))

    def drip(self, n):
        self._call(lambda: setattr(self, "trickle", n))

    def refuse(self):
        self._call(lambda: setattr(self, "refusing", True))

    def cut(self):
        """Resets every connection."""
        self._call(lambda: [end.transport.abort() for pair in list(self.pairs) for end in pair])

    def heal(self):
        def run():
            self.held.update(up=False, down=False)
            self.losing.clear()
            self.delay.update(up=0, down=0)
            self.trickle, self.refusing = 0, False
        self._call(run)

    def close(self):
        self.heal()
        self.cut()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)
