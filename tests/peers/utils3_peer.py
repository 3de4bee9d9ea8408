"""dmr-utils3: a second opinion on BPTC(196,96), the parity of link controls and slot types. It
corrects and checks nothing when it reads, so what it writes counts more."""

from bitarray import bitarray
from dmr_utils3 import bptc, decode, rs129

NAME = "dmr-utils3"
KINDS = {"burst", "voice_header", "terminator"}
# Rate 3/4 and rate 1 are coded otherwise.
NOT_BPTC = {8, 10}


def read(kind, data):
    """What a frame says, and the bytes the peer writes for it; none if it does not know any."""
    if kind != "burst":
        encode = {"voice_header": rs129.lc_header_encode, "terminator": rs129.lc_terminator_encode}
        return {}, data[:9] + encode[kind](data[:9])
    parts = decode.voice_head_term(data)
    data_type = parts["DTYPE"][0]
    says = {
        "sync": parts["SYNC"].tobytes().hex(), "colour_code": parts["CC"][0],
        "data_type": data_type,
    }
    if data_type in NOT_BPTC:
        return says, None
    whole = decode.to_bits(data)
    octets = parts["LC"] + last_octets(whole[:98] + whole[166:])
    says["octets"] = octets.hex()
    info = bptc.interleave_19696(bptc.encode_19696(octets))
    return says, (info[:98] + whole[98:166] + info[98:]).tobytes()


def last_octets(info):
    """The 24 bits `decode_full_lc` leaves out: the end of the table, by the peer's own index."""
    table = bitarray(info[at] for at in bptc.INDEX_181)
    rows = (table[1 + 15 * row:12 + 15 * row] for row in range(9))
    # Three reserved bits come first.
    return sum(rows, bitarray())[75:].tobytes()
