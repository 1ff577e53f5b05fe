# SPDX-License-Identifier: Apache-2.0
"""What talks over relays in tests/system/relay.sh; all of it inert.

talk.py serve PORT               answers: 4 bytes of length, then so many
talk.py talk HOST PORT SEED [N]  some seconds of questions of chance sizes,
                                 answers N times as large
talk.py socks HOST PORT SEED     the same by a SOCKS5 proxy at ADDRESS:PORT
        ADDRESS:PORT
talk.py proxy PORT               a SOCKS5 proxy (CONNECT, IPv4) that serves
"""
import random
import select
import socket
import socketserver
import struct
import sys
import time


def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while True:
                ask, size = struct.unpack("!II", exactly(self.request, 8))
                exactly(self.request, ask)
                self.request.sendall(random.randbytes(size))
        except (EOFError, OSError):
            pass


class Proxy(socketserver.BaseRequestHandler):
    def handle(self):
        client = self.request
        _, n = exactly(client, 2)
        exactly(client, n)
        client.sendall(b"\x05\x00")
        head = exactly(client, 10)
        to = (socket.inet_ntoa(head[4:8]),
              struct.unpack("!H", head[8:10])[0])
        with socket.create_connection(to, 10) as server:
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
            other = {client: server, server: client}
            while True:
                for s in select.select(list(other), [], [])[0]:
                    data = s.recv(65536)
                    if not data:
                        return
                    other[s].sendall(data)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


def connect(to, seconds=8):
    end = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection(to, 3)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def talk(s, seed, larger=1):
    chance = random.Random(seed)
    end = time.monotonic() + chance.uniform(3, 5)
    while time.monotonic() < end:
        ask, size = chance.randrange(20, 1500), chance.randrange(100, 20000)
        size *= larger
        s.sendall(struct.pack("!II", ask, size) + random.randbytes(ask))
        exactly(s, size)
        time.sleep(chance.uniform(0.02, 0.3))
    s.close()


def main(what, *args):
    if what in ("serve", "proxy"):
        handler = Answer if what == "serve" else Proxy
        Server(("", int(args[0])), handler).serve_forever()
    elif what == "talk":
        talk(connect((args[0], int(args[1]))), args[2],
             int((args[3:] or [1])[0]))
    elif what == "socks":
        at, port = args[3].split(":")
        s = connect((at, int(port)))
        s.sendall(b"\x05\x01\x00")
        exactly(s, 2)
        s.sendall(b"\x05\x01\x00\x01" + socket.inet_aton(args[0]) +
                  struct.pack("!H", int(args[1])))
        exactly(s, 10)
        talk(s, args[2])
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])
