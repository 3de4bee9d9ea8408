#!/usr/bin/env python3
"""Measures what others need for the comparable job, beside our own dispatch figures.

The job: find the nearest 8 of 20,000 units to a place, take the first, and record that so that it
survives a power cut. Redis, PostgreSQL with PostGIS, SQLite and etcd do as much of it as they can,
each with a real server (or file) of its own on the disk of the build. Standard library only: the
clients below speak the peers' own protocols. A peer that is not installed is named as not measured.

    python3 benches/peers.py            our dispatch benchmark, then the peers; writes the documents
    python3 benches/peers.py --peers    the peers only, beside the last target/dispatch.json
    python3 benches/peers.py --draw     the documents only, from target/peers.json
    python3 benches/peers.py --quick    a smoke: few samples, no documents

Writes target/peers.json, the table in docs/latency.md and docs/latency.svg.
"""

import argparse
import base64
import contextlib
import glob
import http.client
import json
import math
import os
import platform
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "target"
UNITS = 20_000
NEAREST = 8
ROUNDS = 5
BLOCK = 10
REST_S = 0.002
PATIENCE_S = 30


class NotMeasured(Exception):
    """Says how to get the peer."""


def place(number):
    """Where unit `number` stands: the lattice of the dispatch benchmark, degrees."""
    row, column = divmod(number, 142)
    return 22.75 + row * 0.0018, 113.87 + column * 0.002


def report_place(number):
    return place(number * 7919 % 19_000)


REPORT = json.dumps({
    "source": "110", "place": "黄江大道17号", "caller": "13800000000",
    "text": "路口两车相撞，无人受伤，占用一条车道", "category": "traffic_minor",
}, ensure_ascii=False)


# -------------------------------------------------------------------------------- servers


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name, how, *folders):
    found = shutil.which(name)
    for folder in folders:
        found = found or next(iter(sorted(glob.glob(f"{folder}/{name}"))), None)
    if not found:
        raise NotMeasured(how)
    return found


@contextlib.contextmanager
def server(command, port, folder, **options):
    """A server process until the end of the block; its output goes to a file."""
    with open(Path(folder) / "server.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **options)
        try:
            until = time.monotonic() + PATIENCE_S
            while True:
                if process.poll() is not None:
                    raise RuntimeError(f"{command[0]} ended: see {log.name}")
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                if time.monotonic() > until:
                    raise RuntimeError(f"{command[0]} does not listen")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def connect(port):
    stream = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


# -------------------------------------------------------------------------------- the peers
# Each is a context manager that yields (job, idle): one job, and one round trip of the same client
# that neither searches nor records, so that a reader can take the client's own cost off.


@contextlib.contextmanager
def bare_sync(folder):
    """What every one of them waits for: 256 bytes into a zero-filled file, synced."""
    size = 16 << 20
    file = os.open(Path(folder) / "floor", os.O_RDWR | os.O_CREAT, 0o600)
    os.pwrite(file, bytes(size), 0)
    os.fsync(file)

    def job(number):
        os.pwrite(file, bytes(256), number * 256 % size)
        os.fdatasync(file)

    yield job, None
    os.close(file)


class Redis:
    """RESP2 over one connection."""

    def __init__(self, port):
        self.stream = connect(port)
        self.lines = self.stream.makefile("rb")

    def send(self, *commands):
        out = bytearray()
        for words in commands:
            out += b"*%d\r\n" % len(words)
            for word in words:
                word = word if isinstance(word, bytes) else str(word).encode()
                out += b"$%d\r\n%b\r\n" % (len(word), word)
        self.stream.sendall(out)
        return [self.reply() for _ in commands]

    def reply(self):
        line = self.lines.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b"$":
            return None if rest == b"-1" else self.lines.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return rest


@contextlib.contextmanager
def redis(folder):
    binary = program("redis-server", "install the package redis-server")
    port = free_port()
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "",
               "--appendonly", "yes", "--appendfsync", "always"]
    with server(command, port, folder):
        client = Redis(port)
        for unit in range(UNITS):
            lat, lon = place(unit)
            client.send(("GEOADD", "free", lon, lat, unit))

        def job(number):
            lat, lon = report_place(number)
            # It sorts all that is within the radius: a small one, widened until enough is.
            radius_m, near = 500, []
            while len(near) < NEAREST:
                [near] = client.send(("GEOSEARCH", "free", "FROMLONLAT", lon, lat, "BYRADIUS",
                                      radius_m, "m", "ASC", "COUNT", NEAREST))
                radius_m *= 2
            client.send(("MULTI",), ("ZREM", "free", near[0]),
                        ("XADD", "assignments", "*", "unit", near[0], "report", REPORT),
                        ("EXEC",))

        yield job, lambda _: client.send(("PING",))


class Postgres:
    """Protocol 3.0 over one connection, one prepared statement at a time, text parameters."""

    def __init__(self, port, user):
        self.stream = connect(port)
        self.bytes = self.stream.makefile("rb")
        words = f"user\0{user}\0database\0postgres\0\0".encode()
        self.stream.sendall(struct.pack("!ii", len(words) + 8, 196_608) + words)
        self.until_ready()

    @staticmethod
    def message(kind, body):
        return kind + struct.pack("!i", len(body) + 4) + body

    def until_ready(self):
        rows, failed = [], None
        while True:
            kind = self.bytes.read(1)
            body = self.bytes.read(struct.unpack("!i", self.bytes.read(4))[0] - 4)
            if kind == b"E":
                failed = body.decode(errors="replace").replace("\0", " ")
            elif kind == b"D":
                rows.append(body)
            elif kind == b"Z":
                if failed:
                    raise RuntimeError(failed)
                return rows

    def query(self, text):
        self.stream.sendall(self.message(b"Q", text.encode() + b"\0"))
        return self.until_ready()

    def prepare(self, name, text):
        body = f"{name}\0{text}\0".encode() + struct.pack("!h", 0)
        self.stream.sendall(self.message(b"P", body) + self.message(b"S", b""))
        self.until_ready()

    def execute(self, name, *values):
        body = f"\0{name}\0".encode() + struct.pack("!hh", 0, len(values))
        for value in values:
            value = str(value).encode()
            body += struct.pack("!i", len(value)) + value
        body += struct.pack("!h", 0)
        self.stream.sendall(self.message(b"B", body)
                            + self.message(b"E", b"\0" + struct.pack("!i", 0))
                            + self.message(b"S", b""))
        return self.until_ready()


POSTGIS_JOB = f"""
with near as (select id from unit where free
              order by place <-> ST_SetSRID(ST_MakePoint($1::float8, $2::float8), 4326)
              limit {NEAREST}),
     taken as (update unit set free = false where id = (select id from near limit 1) returning id)
insert into assignment (unit, near, report)
select id, (select array_agg(near.id) from near), $3 from taken returning unit
"""


@contextlib.contextmanager
def postgis(folder):
    how = "install the packages postgresql and postgresql-NN-postgis-3 (NN is its major version)"
    folders = "/usr/lib/postgresql/*/bin"
    binary = program("postgres", how, folders)
    initdb = program("initdb", how, folders, str(Path(os.path.realpath(binary)).parent))
    user, options = "postgres", {}
    if os.geteuid() == 0:
        # The server refuses to run as root.
        options = {"user": user}
        shutil.chown(folder, user)
    data = f"{folder}/data"
    made = subprocess.run([initdb, "-D", data, "-A", "trust", "-U", user], cwd=folder,
                          capture_output=True, check=False, **options)
    if made.returncode:
        raise NotMeasured("initdb failed here: " + made.stderr.decode().strip()[-200:])
    port = free_port()
    command = [binary, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder]
    with server(command, port, folder, **options):
        for _ in range(100):
            with contextlib.suppress(RuntimeError, OSError, struct.error):
                client = Postgres(port, user)
                break
            time.sleep(0.1)
        try:
            client.query("create extension postgis")
        except RuntimeError:
            raise NotMeasured(how) from None
        client.query("create table unit (id int primary key, free bool,"
                     " place geometry(Point, 4326));"
                     "create table assignment (id serial primary key, unit int, near int[],"
                     " report text, at timestamptz default now())")
        rows = ((unit, *place(unit)) for unit in range(UNITS))
        values = ",".join(f"({unit},true,ST_SetSRID(ST_MakePoint({lon},{lat}),4326))"
                          for unit, lat, lon in rows)
        client.query(f"insert into unit values {values};"
                     "create index on unit using gist (place) where free")
        client.query("vacuum analyze unit")
        client.prepare("job", POSTGIS_JOB)
        client.prepare("idle", "select 1")

        def job(number):
            lat, lon = report_place(number)
            assert len(client.execute("job", lon, lat, REPORT)) == 1

        yield job, lambda _: client.execute("idle")


@contextlib.contextmanager
def sqlite(folder):
    database = sqlite3.connect(f"{folder}/units.db", isolation_level=None)
    database.execute("pragma journal_mode = wal")
    database.execute("pragma synchronous = full")
    try:
        database.execute("create virtual table free using rtree(id, lat0, lat1, lon0, lon1)")
    except sqlite3.OperationalError:
        raise NotMeasured("needs an SQLite with its R-tree module") from None
    database.execute("create table assignment (id integer primary key, unit, near, report)")
    database.execute("begin")
    database.executemany("insert into free values (?, ?, ?, ?, ?)",
                         ((unit, lat, lat, lon, lon)
                          for unit in range(UNITS) for lat, lon in [place(unit)]))
    database.execute("commit")
    square = math.cos(math.radians(22.9)) ** 2
    search = (f"select id from free where lat0 between ?1 - ?3 and ?1 + ?3"
              f" and lon0 between ?2 - ?3 and ?2 + ?3"
              f" order by (lat0 - ?1) * (lat0 - ?1) + (lon0 - ?2) * (lon0 - ?2) * {square}"
              f" limit {NEAREST}")

    def job(number):
        lat, lon = report_place(number)
        # An R-tree finds what is in a box: it widens until enough is in it.
        side, near = 0.004, []
        while len(near) < NEAREST:
            near = database.execute(search, (lat, lon, side)).fetchall()
            side *= 2
        database.execute("begin immediate")
        database.execute("delete from free where id = ?", near[0])
        database.execute("insert into assignment (unit, near, report) values (?, ?, ?)",
                         (near[0][0], json.dumps([unit for [unit] in near]), REPORT))
        database.execute("commit")

    yield job, lambda _: database.execute("select 1").fetchall()
    database.close()


@contextlib.contextmanager
def etcd(folder):
    binary = program("etcd", "install the package etcd-server")
    port, peer = free_port(), free_port()
    here, there = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    command = [binary, "--data-dir", f"{folder}/data", "--listen-client-urls", here,
               "--advertise-client-urls", here, "--listen-peer-urls", there,
               "--initial-advertise-peer-urls", there, "--initial-cluster", f"default={there}"]
    with server(command, port, folder):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        client.connect()
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        encoded = base64.b64encode(REPORT.encode()).decode()

        def ask(path, body):
            client.request("POST", path, json.dumps(body))
            answer = client.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise RuntimeError(text.decode())

        def job(number):
            key = base64.b64encode(b"assignment/%d" % number).decode()
            ask("/v3/kv/put", {"key": key, "value": encoded})

        nothing = base64.b64encode(b"nothing").decode()
        for _ in range(100):
            with contextlib.suppress(RuntimeError):
                job(0)
                break
            time.sleep(0.1)
        yield job, lambda _: ask("/v3/kv/range", {"key": nothing, "serializable": True})


# Name, what it does, what it does not do.
PEERS = [
    ("a bare sync", bare_sync, "`pwrite` of 256 bytes and `fdatasync`", "everything else"),
    ("SQLite", sqlite, "R-tree search in a widening box, delete and insert in one transaction;"
     " WAL, `synchronous=FULL`", "no network: in the client's process"),
    ("Redis", redis, "`GEOSEARCH` in a widening radius, then `ZREM` and `XADD` in `MULTI`;"
     " append-only file, `appendfsync always`",
     "two round trips or more: each needs the answer before"),
    ("PostgreSQL with PostGIS", postgis, "one prepared statement: nearest by `<->` over a GiST"
     " index, update and insert, committed with `synchronous_commit`", "one round trip"),
    ("etcd", etcd, "a put, one node", "searches nothing; over its HTTP gateway, which takes most"
     " of it: gRPC would not"),
]
UNMEASURED = [
    ("redb", "a Rust library: it needs a program of its own, and searches nothing"),
]


# -------------------------------------------------------------------------------- measuring


def quantiles(times):
    times = sorted(times)

    def at(share):
        return times[math.ceil(share * len(times)) - 1]

    return {"p50": round(at(0.5) * 1e6, 1), "p99": round(at(0.99) * 1e6, 1)}


def median(values):
    return sorted(values)[len(values) // 2]


def timed(call, number):
    time.sleep(REST_S)
    began = time.perf_counter()
    call(number)
    return time.perf_counter() - began


def measure(samples, rounds):
    """Every peer up at once and asked in turns, in small blocks: what drifts drifts for all."""
    results, missing = {}, [{"name": name, "how": how} for name, how in UNMEASURED]
    with contextlib.ExitStack() as stack:
        up = []
        for name, peer, does, lacks in PEERS:
            # In /tmp there may be another file system than the build's.
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="peer-", dir=TARGET))
            os.chmod(folder, 0o755)
            try:
                up.append((name, stack.enter_context(peer(folder))))
            except NotMeasured as why:
                missing.append({"name": name, "how": str(why)})
                continue
            results[name] = {"does": does, "lacks": lacks, "rounds": [], "client": []}
        number = 0
        for round_ in range(rounds + 1):
            times = {name: ([], []) for name, _ in up}
            # The first round warms up and is not counted.
            for _ in range((samples if round_ else BLOCK * 2) // BLOCK):
                for name, (job, idle) in up:
                    for at in range(BLOCK):
                        times[name][0].append(timed(job, number + at))
                    if idle:
                        times[name][1].append(timed(idle, number))
                number += BLOCK
            if not round_:
                continue
            for name, (jobs, idles) in times.items():
                results[name]["rounds"].append(quantiles(jobs))
                results[name]["client"] += idles
            print(f"round {round_}: " + ", ".join(
                f"{name} {found['rounds'][-1]['p50']:.0f}/{found['rounds'][-1]['p99']:.0f}"
                for name, found in results.items()), file=sys.stderr)
    systems = []
    for name, found in results.items():
        of_rounds = found["rounds"]
        systems.append({
            "name": name, "does": found["does"], "lacks": found["lacks"],
            "p50": median([of["p50"] for of in of_rounds]),
            "p99": median([of["p99"] for of in of_rounds]),
            "client_p50": quantiles(found["client"])["p50"] if found["client"] else None,
        })
    return systems, missing


def ours():
    """Our figures, from the dispatch benchmark's JSON."""
    path = TARGET / "dispatch.json"
    if not path.exists():
        sys.exit("peers.py: run `cargo bench --bench dispatch` first")
    found = json.loads(path.read_text())
    # Nobody holds the peers and their clients on cores of their own.
    idle = found["scheduled"]
    does = "report on TCP, decided, ranked, journalled and synced, frame at the gateway by UDP"
    rows = [
        {"name": "floor of dispatch", "does": "TCP echo, 256 bytes synced, UDP echo",
         "lacks": "decides nothing", **idle["floor_us"]},
        {"name": "Tieqi, idle", "does": does, "lacks": "", **idle["ours_us"]},
        {"name": "Tieqi, loaded", "does": "the same under 1,000 reports/s and 5,000 positions/s",
         "lacks": "", **found["loaded_us"]},
    ]
    return [{**row, "client_p50": None} for row in rows]


# -------------------------------------------------------------------------------- documents


def table(result):
    machine = f"{result['cores']} cores, Linux {result['kernel']}, {result['date']}"
    lines = [
        f"{machine}; {ROUNDS} rounds of {result['samples']} samples each.", "",
        "| system | p50 / p99, µs | round trip of its client alone, µs | does | mind |",
        "|---|---|---|---|---|",
    ]
    for row in result["systems"]:
        client = f"{row['client_p50']:.0f}" if row["client_p50"] else "-"
        lines.append(f"| {row['name']} | {row['p50']:,.0f} / {row['p99']:,.0f} | {client} "
                     f"| {row['does']} | {row['lacks'] or '-'} |")
    for row in result["missing"]:
        lines.append(f"| {row['name']} | not measured | - | - | {row['how']} |")
    return "\n".join(lines)


def between_markers(text, name, inside):
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, rest = text.split(begin, 1)
    tail = rest.split(end, 1)[1]
    return f"{head}{begin}\n{inside}\n{end}{tail}"


STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #777; }
  .axis { stroke: #8888; stroke-width: 1; }
  .span { stroke: #888; stroke-width: 3; }
  .p50 { fill: #1f6feb; } .p99 { fill: #d9730d; }
  .ours { font-weight: 700; }
  @media (prefers-color-scheme: light) { text { fill: #333; } }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd; } .p50 { fill: #58a6ff; } .p99 { fill: #f0a04b; }
  }
"""


def plot(result):
    """One row a system, p50 and p99 on a logarithmic axis."""
    left, width, row_height, top = 190, 720, 30, 46
    rows = result["systems"]
    low = 10 ** math.floor(math.log10(min(row["p50"] for row in rows)))
    high = 10 ** math.ceil(math.log10(max(row["p99"] for row in rows)))
    scale = (width - left - 30) / math.log10(high / low)

    def x(us):
        return left + math.log10(us / low) * scale

    height = top + len(rows) * row_height + 40
    bottom = top + len(rows) * row_height
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
           ' aria-label="Latency of Tieqi and of other systems, p50 and p99">',
           f"<style>{STYLE}</style>",
           f'<circle class="p50" cx="{left}" cy="16" r="6"/>'
           f'<text x="{left + 12}" y="21">p50</text>',
           f'<circle class="p99" cx="{left + 60}" cy="16" r="6"/>'
           f'<text x="{left + 72}" y="21">p99</text>',
           f'<text x="{width - 30}" y="21" text-anchor="end">less is better</text>']
    decade = low
    while decade <= high:
        for step in (1, 2, 5):
            us = decade * step
            if us > high:
                break
            words = f"{us / 1000:g} ms" if us >= 1000 else f"{us:g} µs"
            out.append(f'<line class="axis" x1="{x(us):.1f}" x2="{x(us):.1f}" y1="{top - 8}"'
                       f' y2="{bottom}"/>')
            if step == 1 or high / low <= 1000:
                out.append(f'<text x="{x(us):.1f}" y="{bottom + 20}" text-anchor="middle">'
                           f"{words}</text>")
        decade *= 10
    for number, row in enumerate(rows):
        y = top + number * row_height + row_height / 2 - 4
        name = "ours" if row["name"].startswith("Tieqi") else "peer"
        out += [f'<text class="{name}" x="{left - 16}" y="{y + 5}" text-anchor="end">'
                f'{row["name"]}</text>',
                f'<line class="span" x1="{x(row["p50"]):.1f}" x2="{x(row["p99"]):.1f}"'
                f' y1="{y}" y2="{y}"/>',
                f'<circle class="p50" cx="{x(row["p50"]):.1f}" cy="{y}" r="6"/>',
                f'<circle class="p99" cx="{x(row["p99"]):.1f}" cy="{y}" r="6"/>']
    return "\n".join([*out, "</svg>", ""])


def write_documents(result):
    path = ROOT / "docs" / "latency.md"
    path.write_text(between_markers(path.read_text(), "peers", table(result)))
    (ROOT / "docs" / "latency.svg").write_text(plot(result))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="do not run our own benchmark")
    parser.add_argument("--draw", action="store_true", help="only write the documents again")
    parser.add_argument("--quick", action="store_true", help="a smoke that writes no documents")
    options = parser.parse_args()
    TARGET.mkdir(exist_ok=True)
    if options.draw:
        return write_documents(json.loads((TARGET / "peers.json").read_text()))
    if not options.peers:
        quick = ["--", "--quick"] if options.quick else []
        command = ["cargo", "bench", "--locked", "--bench", "dispatch", *quick]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    samples, rounds = (BLOCK, 1) if options.quick else (500, ROUNDS)
    systems, missing = measure(samples, rounds)
    result = {
        "systems": ours() + systems, "missing": missing, "samples": samples, "units": UNITS,
        "cores": os.cpu_count(), "kernel": platform.release().split("-")[0],
        "date": time.strftime("%Y-%m-%d"),
    }
    (TARGET / "peers.json").write_text(json.dumps(result, ensure_ascii=False) + "\n")
    if not options.quick:
        write_documents(result)
    print(json.dumps(result, ensure_ascii=False))
    return None


if __name__ == "__main__":
    main()
