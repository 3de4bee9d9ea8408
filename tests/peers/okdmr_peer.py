"""ok-dmrlib: what it reads in a frame, under the names `protocols/examples/peers` uses, and the
bytes it writes for it. What it notices itself goes into `complaints`."""

import enum

from bitarray.util import ba2int
from okdmr.dmrlib.etsi.crc.crc16 import CRC16
from okdmr.dmrlib.etsi.crc.crc32 import CRC32
from okdmr.dmrlib.etsi.fec.reed_solomon_12_9_4 import ReedSolomon1294
from okdmr.dmrlib.etsi.layer2.burst import Burst
from okdmr.dmrlib.etsi.layer2.elements.crc_masks import CrcMasks
from okdmr.dmrlib.etsi.layer2.elements.data_types import DataTypes
from okdmr.dmrlib.etsi.layer2.pdu.csbk import CSBK
from okdmr.dmrlib.etsi.layer2.pdu.data_header import DataHeader
from okdmr.dmrlib.etsi.layer2.pdu.full_link_control import FullLinkControl
from okdmr.dmrlib.etsi.layer2.pdu.rate1_data import Rate1Data, Rate1DataTypes
from okdmr.dmrlib.etsi.layer2.pdu.rate12_data import Rate12Data, Rate12DataTypes
from okdmr.dmrlib.etsi.layer2.pdu.rate34_data import Rate34Data, Rate34DataTypes
from okdmr.dmrlib.hytera.pdu.hdap import HDAP
from okdmr.dmrlib.hytera.pdu.hrnp import HRNP
from okdmr.dmrlib.hytera.pdu.hstrp import HSTRP, HSTRPOptionType

NAME = "ok-dmrlib"
KINDS = {"hdap", "hstrp", "hrnp", "csbk", "header", "voice_header", "terminator", "burst", "packet"}
RATES = {Rate12Data: Rate12DataTypes, Rate34Data: Rate34DataTypes, Rate1Data: Rate1DataTypes}
MASKS = {
    "voice_header": b"\x96" * 3,
    "terminator": b"\x99" * 3,
}


def read(kind, data):
    """What a frame says, and the bytes the peer writes for it; none if it cannot say."""
    if kind == "packet":
        return packet(data), None
    what = {
        "hdap": HDAP, "hstrp": HSTRP, "hrnp": HRNP, "csbk": CSBK, "header": DataHeader,
        "voice_header": FullLinkControl, "terminator": FullLinkControl, "burst": Burst,
    }[kind].from_bytes(data)
    says = fields(what)
    if kind in MASKS:
        if not ReedSolomon1294.check(data, MASKS[kind]):
            says["complaints"] = ["parity"]
    return says, what.as_bytes()


def fields(what):
    """The fields of a value of the peer's."""
    name = type(what).__name__
    return {
        "RadioRegistrationService": registration, "TextMessageProtocol": text_message,
        "LocationProtocol": location, "RadioControlProtocol": control, "HSTRP": datagram,
        "HRNP": serial, "CSBK": csbk, "DataHeader": header, "FullLinkControl": link_control,
        "Burst": burst,
    }[name](what)


def number(value):
    return value.value if isinstance(value, enum.Enum) else value


def bits(value):
    return None if value is None else ba2int(value.as_bits())


def radio(ip):
    return None if ip is None else f"{ip.subnet}/{ip.radio_id}"


def hdap(pdu, more):
    return {
        "service": pdu.get_service_type().value,
        "opcode": int.from_bytes(pdu.get_opcode(), pdu.get_endianness()),
        "reliable": pdu.is_reliable,
        "payload": pdu.get_payload().hex(),
        **more,
    }


def registration(pdu):
    return hdap(pdu, {
        "radio": radio(pdu.radio_ip), "result": pdu.result.value,
        "renew_s": pdu.renew_time_seconds, "state": pdu.radio_state.value,
    })


def text_message(pdu):
    return hdap(pdu, {
        "flag": pdu.is_confirmed, "request_id": pdu.request_id,
        "option": pdu.option_data.hex() if pdu.option_data is not None else None,
        "destination": radio(pdu.destination_ip), "source": radio(pdu.source_ip),
        "text": pdu.text_data.decode("utf-16-le"), "result": number(pdu.result_code),
    })


def location(pdu):
    return hdap(pdu, {
        "request_id": pdu.request_id, "radio": radio(pdu.radio_ip), "result": pdu.result.value,
        **fix(pdu.gpsdata),
    })


def fix(gps):
    def angle(value, sign, negative):
        degrees, minutes = divmod(value, 100)
        return round((int(degrees) * 60 + minutes) * 10_000) * (-1 if sign == negative else 1)

    return {
        "valid": gps.data_valid == "A",
        "time": gps.greenwich_time and gps.greenwich_time.isoformat(),
        "date": gps.greenwich_date and gps.greenwich_date.isoformat(),
        "latitude": angle(gps.latitude, gps.north_south, "S"),
        "longitude": angle(gps.longitude, gps.east_west, "W"),
        "speed_dkn": round(gps.speed_knots * 10), "course_deg": gps.direction,
    }


def control(pdu):
    pairs = pdu.broadcast_config_raw[1:]
    return hdap(pdu, {
        "target": pdu.status_change_target.value if pdu.target_id is None else pdu.target_id,
        "value": pdu.raw_value.hex() if pdu.raw_value else pdu.status_change_value,
        "mode": number(pdu.repeater_mode), "status": number(pdu.repeater_status),
        "busy_with": number(pdu.repeater_service_type), "call": number(pdu.call_type),
        "sender": pdu.sender_id, "identity": number(pdu.radio_ip_id_target),
        "result": number(pdu.result), "flags": pdu.broadcast_type,
        "pairs": [list(pairs[at:at + 2]) for at in range(0, len(pairs), 2)],
    })


def datagram(frame):
    options = dict(frame.options.options) if frame.options else {}

    def option(which):
        return int.from_bytes(options[which], "big") if which in options else None

    return {
        "bits": frame.pkt_type.as_bytes()[0], "sequence": frame.sn,
        "device": option(HSTRPOptionType.DeviceID), "channel": option(HSTRPOptionType.ChannelID),
        "messages": [fields(frame.payload)] if frame.payload else [],
    }


def serial(frame):
    return {
        "version": frame.version[0], "block": frame.block_number, "opcode": frame.opcode.value,
        "source": frame.source, "destination": frame.destination, "packet": frame.packet_number,
        "message": fields(frame.data) if frame.data else None,
        "complaints": [] if frame.checksum_correct else ["checksum"],
    }


def csbk(pdu):
    payload = pdu.as_bits().tobytes()
    return {
        "last": bool(pdu.last_block), "protect": bool(pdu.protect_flag),
        "opcode": bits(pdu.csbko), "feature_set": bits(pdu.feature_set),
        "target": pdu.bs_address or pdu.target_address, "source": pdu.source_address,
        "options": bits(pdu.service_options), "answer": number(pdu.answer_response),
        "has_more": bool(number(pdu.additional_information_field)),
        "from_radio": bool(number(pdu.source_type)), "service": number(pdu.service_type),
        "reason": number(pdu.reason_code), "is_data": not pdu.csbk_content_follows_preambles,
        "is_group": not pdu.target_address_is_individual, "blocks": pdu.blocks_to_follow,
        "payload": payload[2:10].hex(),
        "complaints": [] if CRC16.check(payload[:10], pdu.crc, CrcMasks.CSBK) else ["CRC"],
    }


def header(pdu):
    says = {
        "format": pdu.data_packet_format.value, "is_group": pdu.is_group,
        "wants_response": pdu.is_response_requested, "destination": pdu.llid_destination,
        "source": pdu.llid_source, "blocks": pdu.get_blocks_to_follow(),
        "sap": number(pdu.sap_identifier),
        "is_first_try": bool(number(pdu.full_message_flag)),
        "pad_octets": pdu.pad_octet_count, "fragment": bits(pdu.fragment_sequence_number),
        "is_resync": bool(number(pdu.resynchronize_flag)), "sequence": pdu.send_sequence_number,
        "may_retry": bool(number(pdu.sarq)), "data_format": number(pdu.defined_data_format),
        "pad_bits": ba2int(pdu.bit_padding) if pdu.bit_padding else 0,
        "complaints": [] if pdu.crc_ok else ["CRC"],
    }
    if pdu.data_packet_format.name == "ResponsePacket":
        says["verdict"] = pdu.response_class << 3 | pdu.response_type
        says["sequence"] = pdu.response_status
    if pdu.data_packet_format.name == "UnifiedDataTransport":
        says |= {
            "is_emergency": pdu.is_emergency, "option": bool(number(pdu.udt_option_flag)),
            "udt_format": number(pdu.udt_format), "pad_nibbles": pdu.pad_nibbles_count,
            "is_supplementary": bool(number(pdu.supplementary_flag)),
            "opcode": number(pdu.udt_opcode), "blocks": pdu.appended_blocks + 1,
        }
    return says


def link_control(pdu):
    return {
        "protect": pdu.protect_flag, "opcode": bits(pdu.full_link_control_opcode),
        "feature_set": bits(pdu.feature_set_id), "options": bits(pdu.service_options),
        "destination": pdu.group_address or pdu.target_address, "source": pdu.source_address,
    }


def burst(frame):
    return {
        "sync": f"{frame.sync_or_embedded_signalling.value:012x}",
        "colour_code": frame.colour_code, "data_type": number(frame.data_type),
        "octets": frame.info_bits_deinterleaved.tobytes().hex(),
        "complaints": [] if frame.slot_type.fec_parity_ok else ["slot type"],
    }


def packet(data):
    """A header and its blocks, in bursts one after the other; preambles are passed over."""
    bursts = [Burst.from_bytes(data[at:at + 33]) for at in range(0, len(data), 33)]
    head = next(burst.data for burst in bursts if burst.data_type == DataTypes.DataHeader)
    blocks = [burst.data for burst in bursts if type(burst.data) in RATES]
    confirmed = head.is_response_requested
    says = {**header(head), "blocks": len(blocks)}
    typed = []
    for at, block in enumerate(blocks):
        kinds = RATES[type(block)]
        typed.append(block.convert(kinds.resolve(confirmed, at + 1 == len(blocks))))
    octets = b"".join(block.data for block in typed)
    if confirmed and not all(block.crc9_ok for block in typed):
        mended = all(turned(block.crc9) == block.calculate_crc9() for block in typed)
        says["complaints"].append("the order of CRC-9" if mended else "CRC-9")
    if confirmed and [block.dbsn for block in typed] != list(range(len(typed))):
        says["complaints"].append("serials")
    if CRC32.calculate(octets).to_bytes(4, "little") != typed[-1].crc32.to_bytes(4, "big"):
        says["complaints"].append("CRC-32")
    padding = says["pad_bits"] // 8 if says["data_format"] is not None else says["pad_octets"]
    octets = octets[:len(octets) - padding]
    coding = {0x12: "utf-8", 0x14: "utf-16-be", 0x15: "utf-16-le"}.get(says["data_format"])
    return {**says, "octets": octets.hex(), "text": octets.decode(coding) if coding else None}


def turned(crc9):
    """Its nine bits in the other order."""
    return int(f"{crc9:09b}"[::-1], 2)
