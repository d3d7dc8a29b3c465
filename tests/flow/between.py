"""A Redis that says what a test wants it to say."""
import re
import socket
import threading


def read_item(stream):
    """One command or one answer, as it came; b"" at the end."""
    head = stream.readline()
    if head[:1] == b"$" and head != b"$-1\r\n":
        return head + stream.read(int(head[1:]) + 2)
    if head[:1] == b"*":
        return head + b"".join(read_item(stream) for _ in range(int(head[1:])))
    return head


def says_version(version):
    """For `says` below: it is of that version, whatever it is."""
    return lambda words, ask: re.sub(rb"(?m)^redis_version:.{%d}" % len(version), b"redis_version:" + version, ask())


class Between:
    """Stands before a Redis, and hands on one command after the other. `says` is a function from (words of the
    command, ask) to the bytes of an answer; ask() is the true one, and without it the command is not carried out."""

    def __init__(self, flow, redis, says=lambda words, ask: ask()):
        self.target, self.says, self.open = redis.port, says, set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        flow.parts.append(self.close)

    def directive(self):
        return "url: 'redis://127.0.0.1:%d'" % self.port

    def _accept(self):
        try:
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()
        except OSError:
            pass

    def _serve(self, client):
        try:
            with client, socket.create_connection(("127.0.0.1", self.target)) as server:
                self.open.add(client)
                commands, answers = client.makefile("rb"), server.makefile("rb")

                def ask():
                    server.sendall(command)
                    return read_item(answers)
                while command := read_item(commands):
                    client.sendall(self.says(command.split(b"\r\n")[2::2], ask))
        except OSError:
            pass
        finally:
            self.open.discard(client)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for client in list(self.open):
            client.close()
