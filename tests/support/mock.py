#!/usr/bin/env python3
"""An OpenAI-compatible server that shares no code with fathom, for benchmarks/runner: it waits, then
answers every POST with the same trace. Standard library only.

    mock.py --latency MS --port-file FILE
"""
import argparse
import asyncio
import os

REPLY = (b'{"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":'
         b'{"role":"assistant","content":"[(250, 750, 1.2), (750, 250, 1.0)]"},"finish_reason":"stop"}],'
         b'"usage":{"prompt_tokens":100,"completion_tokens":9,"total_tokens":109}}')
ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(REPLY)) + REPLY


class Connection(asyncio.Protocol):
    def __init__(self, latency_s):
        self.latency_s = latency_s
        self.head = b""
        self.left = 0  # bytes of the body that have not come yet

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        while data:
            if self.left:
                taken = min(self.left, len(data))
                self.left -= taken
                data = data[taken:]
                if not self.left:
                    self.answer_later()
                continue
            self.head += data
            head, end, data = self.head.partition(b"\r\n\r\n")
            if not end:
                return
            self.head = b""
            self.left = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                              if line.lower().startswith(b"content-length:")), 0)
            if b"expect: 100-continue" in head.lower():
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if not self.left:
                self.answer_later()

    def answer_later(self):
        asyncio.get_running_loop().call_later(self.latency_s, self.transport.write, ANSWER)


async def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--latency", type=float, default=0, help="milliseconds before a reply")
    words.add_argument("--port-file", required=True, help="where the port is written")
    given = words.parse_args()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(given.latency / 1e3), "127.0.0.1", 0, backlog=1024)
    with open(given.port_file + ".new", "w") as file:
        print(server.sockets[0].getsockname()[1], file=file)
    os.rename(given.port_file + ".new", given.port_file)
    await server.serve_forever()


asyncio.run(main())
