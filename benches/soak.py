#!/usr/bin/env python3
"""Runs the real daemon for hours at five times a city's load and watches its memory.

The load: five times the busiest hour of a city of 580,000 (90 calls, fixtures/calls), all the time,
against the sample town with simulated radios; what is resolved is closed, as a desk does. Resident
memory is sampled every 10 s; the slope behind the warm-up, the first quarter, is fitted by least
squares. Closed incidents are kept for 24 hours on purpose, so within the first day memory grows with
them: the slope is also given for each incident. Standard library only.

    python3 benches/soak.py --hours 1      writes target/soak.json and target/soak.svg
"""

import argparse
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CALLS_PER_HOUR = 5 * 90
SAMPLE_S = 10
PASSWORD = "correct horse"
# The crews are so much faster than life, or the town's few could not keep up.
SPEED = 10


class Console:
    """A desk: one request at a time, notices passed over."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.number = 0
        self.ask("session.login", user="soak", password=PASSWORD)

    def ask(self, method, **params):
        self.number += 1
        request = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
        self.socket.sendall((json.dumps(request) + "\n").encode())
        for line in self.lines:
            answer = json.loads(line)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
        raise RuntimeError("the daemon closed")


def free_ports(count):
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def place(folder, binary):
    """The sample town on free ports with one user; its config and the consoles' port."""
    shutil.copytree(ROOT / "config", folder, dirs_exist_ok=True)
    config = folder / "huangjiang.toml"
    text = config.read_text(encoding="utf-8")
    console, http, *links = free_ports(8)
    text = text.replace("127.0.0.1:7110", f"127.0.0.1:{console}")
    text = text.replace("127.0.0.1:7111", f"127.0.0.1:{http}")
    text = text.replace('"users.toml"', json.dumps(str(folder / "users.toml")))
    # The crews drive faster than anybody may.
    text = text.replace("plausible_km_h = 216", "plausible_km_h = 400")
    for old, new in zip((30001, 30002, 30003, 30004, 30007, 30008), links):
        text = text.replace(f"port = {old} ", f"port = {new} ")
    config.write_text(text, encoding="utf-8")
    add = [binary, "user", "add", "soak", "--role", "supervisor", "--password-stdin",
           "--file", str(folder / "users.toml")]
    subprocess.run(add, input=PASSWORD + "\n", text=True, check=True, stderr=subprocess.DEVNULL)
    return config, console


def resident_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def slope(samples):
    """MiB a second by least squares over (s, MiB)."""
    if len(samples) < 2:
        return float("nan")
    mean_x = sum(x for x, _ in samples) / len(samples)
    mean_y = sum(y for _, y in samples) / len(samples)
    over = sum((x - mean_x) * (y - mean_y) for x, y in samples)
    return over / sum((x - mean_x) ** 2 for x, _ in samples)


def connect(port, daemon):
    for _ in range(100):
        if daemon.poll() is not None:
            raise RuntimeError("the daemon ended")
        try:
            return Console(port)
        except ConnectionError:
            time.sleep(0.1)
    raise RuntimeError("the daemon does not listen")


def close_resolved(console, waiting):
    """Closes what is resolved; what is still open."""
    left = []
    for incident in waiting:
        phase = console.ask("incident.get", incident=incident)["incident"]["phase"]
        if phase == "resolved":
            console.ask("incident.close", key=f"close-{incident}", incident=incident)
        elif phase not in ("closed", "cancelled"):
            left.append(incident)
    return left


def run(hours, binary):
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
        folder = pathlib.Path(folder)
        config, port = place(folder, binary)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        daemon = subprocess.Popen([binary, "serve", str(config), "--dir", str(folder / "data")],
                                  **quiet)
        radios = None
        try:
            console = connect(port, daemon)
            radios = subprocess.Popen([binary, "radio", str(config), "--speed", str(SPEED)],
                                      **quiet)
            return load(console, daemon.pid, hours)
        finally:
            for process in (radios, daemon):
                if process is not None:
                    process.terminate()
                    process.wait()


def load(console, pid, hours):
    began, samples, waiting, calls = time.monotonic(), [], [], 0
    end_s = hours * 3600
    while (now_s := time.monotonic() - began) < end_s:
        if now_s * CALLS_PER_HOUR / 3600 >= calls:
            position = {"lat": 22.918 + calls % 40 * 2e-4, "lon": 114.0105, "datum": "wgs84"}
            told = console.ask("incident.report", key=f"soak-{calls}", place="嘉荣广场",
                               caller=f"139{calls:08}", text="两车相撞，无人受伤",
                               category="traffic_minor", position=position)
            waiting.append(told["incident"])
            calls += 1
        if now_s >= len(samples) * SAMPLE_S:
            waiting = close_resolved(console, waiting)
            samples.append((round(now_s, 1), round(resident_mib(pid), 2)))
            bar = f"\r{now_s / end_s:6.1%} {calls} calls {samples[-1][1]} MiB"
            print(bar, end="", file=sys.stderr, flush=True)
        time.sleep(0.2)
    print(file=sys.stderr)
    health = console.ask("system.health")
    after = samples[len(samples) // 4:]
    per_s = slope(after)
    return {
        "hours": hours, "calls": calls, "open": len(waiting),
        "calls_per_hour": CALLS_PER_HOUR, "positions": health["since_start"]["positions"],
        "rss_first_mib": samples[0][1], "rss_last_mib": samples[-1][1],
        "rss_max_mib": max(mib for _, mib in samples),
        "slope_mib_per_day": round(per_s * 86400, 2),
        "slope_kib_per_incident": round(per_s * 3600 / CALLS_PER_HOUR * 1024, 2),
        "samples": samples,
    }


def draw(result):
    """Memory over time as an SVG."""
    samples, (width, height, edge) = result["samples"], (720, 240, 40)
    top = result["rss_max_mib"] * 1.1
    span = max(samples[-1][0], 1)
    points = " ".join(
        f"{edge + x / span * (width - 2 * edge):.1f},{height - edge - y / top * (height - 2 * edge):.1f}"
        for x, y in samples)
    label = (f"{result['hours']} h, {result['calls']} calls: {result['rss_first_mib']} to "
             f"{result['rss_last_mib']} MiB, {result['slope_mib_per_day']} MiB a day")
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'font-family="sans-serif" font-size="12">'
            f'<rect width="{width}" height="{height}" fill="#fff"/>'
            f'<path d="M{edge} {edge}V{height - edge}H{width - edge}" fill="none" stroke="#888"/>'
            f'<text x="{edge}" y="24">{label}</text>'
            f'<text x="4" y="{edge + 4}">{top:.0f}</text><text x="4" y="{height - edge}">0</text>'
            f'<polyline points="{points}" fill="none" stroke="#06c" stroke-width="1.5"/></svg>\n')


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--hours", type=float, default=1)
    arguments.add_argument("--binary", default=str(ROOT / "target/release/tieqi"))
    arguments = arguments.parse_args()
    result = run(arguments.hours, arguments.binary)
    target = ROOT / "target"
    (target / "soak.json").write_text(json.dumps(result) + "\n", encoding="utf-8")
    (target / "soak.svg").write_text(draw(result), encoding="utf-8")
    print(json.dumps({name: value for name, value in result.items() if name != "samples"}))


if __name__ == "__main__":
    main()
