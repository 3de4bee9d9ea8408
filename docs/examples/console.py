#!/usr/bin/env python3
"""A dispatcher's console in a terminal: follows the board and reports an incident.

    console.py HOST:PORT USER [--report PLACE --position LAT,LON --category KEY] [--seconds N]

The password comes from TIEQI_PASSWORD. It shows what any console must do: log in, ping, notice a gap
in the board and subscribe again, and send commands under a key, so that none is done twice.
"""
import argparse
import json
import os
import socket
import time


def say(what, value):
    print(what, json.dumps(value, ensure_ascii=False), flush=True)


class Console:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=1)
        self.buffer, self.notices, self.last_id, self.last_seq = b"", [], 0, None

    def line(self, until):
        while b"\n" not in self.buffer:
            self.socket.settimeout(max(0.01, until - time.monotonic()))
            try:
                chunk = self.socket.recv(65536)
            except TimeoutError:
                return None
            if not chunk:
                raise SystemExit("the daemon closed the connection")
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def call(self, method, **params):
        self.last_id += 1
        request = dict(jsonrpc="2.0", id=self.last_id, method=method, params=params)
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        while answer := self.line(time.monotonic() + 10):
            if answer.get("id") == self.last_id:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.notices.append(answer)  # the board goes on meanwhile
        raise SystemExit(f"{method}: no answer within 10 s")

    def subscribe(self):
        self.last_seq = self.call("board.subscribe")["seq"]

    def show(self, notice):
        method, params = notice["method"], notice["params"]
        if method == "board.page":
            for item in params["items"]:
                if item["kind"] != "unit":
                    say(item["kind"], item["value"])
        elif method == "board.delta":
            if params["seq"] > self.last_seq + 1:
                return self.subscribe()  # a gap: what is shown may be wrong
            self.last_seq = max(self.last_seq, params["seq"])
            for kind in {"incidents", "assignments", "alarms"} & params.keys():
                say(kind, params[kind])
        elif method == "board.resync":
            self.subscribe()
        else:
            say(method, params)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("address")
    arguments.add_argument("user")
    arguments.add_argument("--report", metavar="PLACE")
    arguments.add_argument("--position", default="22.877,113.996", help="WGS-84: LAT,LON")
    arguments.add_argument("--category", default="traffic_minor")
    arguments.add_argument("--seconds", type=float, default=float("inf"))
    options = arguments.parse_args()
    console = Console(options.address)
    console.call("session.login", user=options.user, password=os.environ["TIEQI_PASSWORD"])
    console.subscribe()
    if options.report:
        report = {"key": os.urandom(8).hex(), "place": options.report, "category": options.category}
        degrees = zip(("lat", "lon"), map(float, options.position.split(",")))
        report["position"] = dict(degrees, datum="wgs84")
        say("reported", console.call("incident.report", **report))
    end = time.monotonic() + options.seconds
    while (now := time.monotonic()) < end:
        console.call("session.ping")
        while console.notices:
            console.show(console.notices.pop(0))
        if notice := console.line(min(end, now + 2)):
            console.show(notice)


if __name__ == "__main__":
    main()
