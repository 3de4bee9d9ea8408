"""Frames of ours, of the peers and off the air, read by all: they have to agree.

    python check.py COMMAND...     COMMAND is how to run protocols/examples/peers

Each frame is read by us and by every peer that knows its kind. What we read has to be what was
meant, what a peer reads has to be the same, and what it writes again the same bytes. Where a peer
is wrong `exceptions.py` says why; a row there that is not needed any more is a fault as well.
"""

import json
import pathlib
import subprocess
import sys
from fnmatch import fnmatchcase
from importlib.metadata import version

import kaitai_peer
import okdmr_peer
import theirs
import utils3_peer
from exceptions import EXCEPTIONS

PEERS = (okdmr_peer, kaitai_peer, utils3_peer)
FIXTURES = pathlib.Path(__file__).parents[2] / "fixtures" / "radio"
# Protocols of the fixtures and their kind here; codes and checksums alone are tested in Rust.
KINDS = {
    "HDAP": "hdap", "HDAP/LP (service byte 0x08 omitted in source; prefix it)": "hdap",
    "HSTRP": "hstrp", "hstrp": "hstrp", "HRNP": "hrnp", "hrnp": "hrnp",
    "rcp": "hdap", "DMR burst (33 bytes)": "burst", "DMR burst": "burst", "DMR CSBK": "csbk",
    "DMR csbk": "csbk", "DMR data header": "header", "DMR header": "header",
    "DMR text": "packet",
}
PASSED_OVER = {
    "MMDVM modem frame", "CRC-32", "CRC-9", "CRC-CCITT", "Golay(20,8,7)", "rate-3/4 trellis",
    "RS(12,9,4) full LC with mask", "DMR udt", "LIP short location report",
    "LIP short location report in SDS type 4 (PID 0x0A)",
    # No peer here reads these; the captures themselves are the witnesses.
    "Homebrew", "MMDVMHost<->DMRGateway", "TETRA PEI", "TETRA PEI +CTSDSR",
}


def fits_any(text, patterns):
    """Whether one of the patterns, divided by `|`, fits."""
    return any(fnmatchcase(text, pattern) for pattern in patterns.split("|"))


class Tally:
    """What agreed, and what did not."""

    def __init__(self):
        self.frames, self.fields, self.written = {}, {}, {}
        self.faults, self.excused = [], [0] * len(EXCEPTIONS)

    def fault(self, peer, what, frame, detail):
        """One disagreement: excused by each row it fits, or a fault."""
        fits = [at for at, (whose, which, where, _) in enumerate(EXCEPTIONS)
                if whose == peer and fits_any(what, which) and fits_any(frame, where)]
        for at in fits:
            self.excused[at] += 1
        if not fits:
            self.faults.append(f"{peer}: {what}: {frame}: {detail}")

    def count(self, counts, peer):
        counts[peer] = counts.get(peer, 0) + 1


def main(command):
    tally = Tally()
    frames = [*made(command), *captured(), *from_peer()]
    for frame, ours in zip(frames, reading(command, frames), strict=True):
        label = f"{frame['kind']} {frame['name']}"
        if "means" in frame:
            meant(tally, label, frame, ours)
        for peer in PEERS:
            if frame["kind"] in peer.KINDS:
                compare(tally, peer, label, frame, ours)
    return report(tally)


def run(command, mode, lines=()):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run(
        [*command, mode], input=text, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def made(command):
    return [{**frame, "whose": "tieqi"} for frame in run(command, "emit")]


def reading(command, frames):
    return run(command, "read", [{key: frame[key] for key in ("name", "kind", "hex")}
                                 for frame in frames])


def captured():
    """Every frame of the fixtures whose kind a peer knows."""
    for path in sorted(FIXTURES.glob("*.json")):
        for frame in json.loads(path.read_text()):
            if frame["protocol"] in PASSED_OVER:
                continue
            name = frame["hex"] if frame["name"] == "csbk" else frame["name"]
            kind = KINDS[frame["protocol"]]
            yield {"name": f"{path.stem}: {name}", "kind": kind, "hex": frame["hex"]}


def from_peer():
    for name, kind, data, says in theirs.frames():
        yield {"name": name, "kind": kind, "hex": data.hex(), "means": says,
               "whose": okdmr_peer.NAME}


def flat(says, before=""):
    """Nested messages as `message.field`; a list of messages as its first and only one."""
    out = {}
    for key, value in says.items():
        if key == "messages":
            key, value = "message", value[0] if value else None
        if isinstance(value, dict):
            out |= flat(value, f"{before}{key}.")
        else:
            out[before + key] = value
    return out


def meant(tally, label, frame, ours):
    """What we read has to be what was meant."""
    peer = frame["whose"]
    if "refused" in ours:
        return tally.fault(peer, "refused here", label, ours["refused"])
    expected = flat(frame["means"])
    read = flat(ours["means"])
    for key, value in read.items():
        if value != expected.get(key):
            tally.fault(peer, f"meant {key}", label, f"{expected.get(key)!r}, read {value!r}")


def compare(tally, peer, label, frame, ours):
    """What a peer reads has to be what we read."""
    try:
        says, written = peer.read(frame["kind"], bytes.fromhex(frame["hex"]))
    except Exception as error:  # A peer may fail in any way.
        if "means" in ours:
            tally.fault(peer.NAME, "refuses", label, f"{type(error).__name__}: {error}")
        return
    complaints = says.pop("complaints", [])
    if "refused" in ours:
        # Complaining without refusing is this peer's way to refuse.
        if not complaints:
            tally.fault(peer.NAME, "takes", label, ours["refused"])
        return
    tally.count(tally.frames, peer.NAME)
    for complaint in complaints:
        tally.fault(peer.NAME, f"complains of {complaint}", label, "")
    read = flat(says)
    for key, value in flat(ours["means"]).items():
        if key in read and read[key] == value:
            tally.count(tally.fields, peer.NAME)
        elif key in read:
            tally.fault(peer.NAME, f"reads {key}", label, f"{read[key]!r}, we {value!r}")
        elif value is not None and peer is not utils3_peer:
            tally.fault(peer.NAME, f"lacks {key}", label, f"we read {value!r}")
    if written is not None:
        tally.count(tally.written, peer.NAME)
        if written.hex() != frame["hex"]:
            tally.fault(peer.NAME, "writes", label, f"{written.hex()}, not {frame['hex']}")


def report(tally):
    for peer in PEERS:
        frames, fields = tally.frames.get(peer.NAME, 0), tally.fields.get(peer.NAME, 0)
        written = tally.written.get(peer.NAME, 0)
        print(f"{peer.NAME} {version(peer.NAME)}: {frames} frames read, {fields} fields agree, "
              f"{written} written again")
        if not frames:
            tally.faults.append(f"{peer.NAME}: read no frame at all")
    for row, times in zip(EXCEPTIONS, tally.excused):
        if not times:
            tally.faults.append(f"exception not needed any more: {row}")
    print(f"{sum(tally.excused)} disagreements excused by {len(EXCEPTIONS)} exceptions")
    for fault in tally.faults:
        print(f"peers: {fault}", file=sys.stderr)
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
