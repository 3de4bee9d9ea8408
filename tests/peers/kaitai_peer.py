"""dmr-kaitai: grammars that read and never write; checksums are read, not checked."""

import enum

from okdmr.kaitai.etsi.dmr_csbk import DmrCsbk
from okdmr.kaitai.etsi.dmr_data_header import DmrDataHeader
from okdmr.kaitai.etsi.full_link_control import FullLinkControl
from okdmr.kaitai.hytera.hytera_dmr_application_protocol import HyteraDmrApplicationProtocol
from okdmr.kaitai.hytera.hytera_radio_network_protocol import HyteraRadioNetworkProtocol
from okdmr.kaitai.hytera.hytera_simple_transport_reliability_protocol import (
    HyteraSimpleTransportReliabilityProtocol,
)

NAME = "dmr-kaitai"
KINDS = {"hdap", "hstrp", "hrnp", "csbk", "header", "voice_header", "terminator"}
# Our name, and the grammar's for the same.
SAME = {
    "request_id": "request_id", "result": "result", "renew_s": "valid_time", "text": "tmdata",
    "rssi_dbm": "rssi_value", "kind": "emergency_type", "trigger": "trigger_type",
    "distance_m": "distance", "of": "protocol_opcode", "code": "state_type",
}
HEADER = {
    "is_group": "llid_destination_is_group", "wants_response": "response_requested",
    "destination": "llid_destination", "source": "llid_source", "sap": "sap_identifier",
    "is_first_try": "full_message_flag", "fragment": "fragment_sequence_number",
    "is_resync": "resynchronize_flag", "sequence": "send_sequence_number",
    "may_retry": "selective_automatic_repeat_request", "data_format": "defined_data",
    "pad_bits": "bit_padding", "source_port": "source_port",
    "destination_port": "destination_port", "status": "status_precoded",
    "udt_format": "udt_format", "pad_nibbles": "pad_nibble", "opcode": "udt_opcode",
    "is_supplementary": "supplementary_flag", "protect": "protect_flag",
    "is_emergency": "emergency_flag", "option": "option_flag",
}
CSBK = {
    "service": "service_type", "reason": "reason_code", "has_more": "additional_information_field",
    "from_radio": "source_type", "is_data": "preamble_data_or_csbk",
    "is_group": "group_or_individual", "blocks": "preamble_csbk_blocks_to_follow",
    "answer": "answer_response", "source": "source_address", "target": "target_address",
}
FLAGS = {"is_data", "is_group"}


def read(kind, data):
    """What a frame says; the second is none, since the peer does not write."""
    return {
        "hdap": lambda: hdap(HyteraDmrApplicationProtocol.from_bytes(data)),
        "hstrp": lambda: datagram(HyteraSimpleTransportReliabilityProtocol.from_bytes(data)),
        "hrnp": lambda: serial(HyteraRadioNetworkProtocol.from_bytes(data)),
        "csbk": lambda: csbk(DmrCsbk.from_bytes(data)),
        "header": lambda: header(DmrDataHeader.from_bytes(data)),
        "voice_header": lambda: link_control(FullLinkControl.from_bytes(data)),
        "terminator": lambda: link_control(FullLinkControl.from_bytes(data)),
    }[kind](), None


def number(value):
    return value.value if isinstance(value, enum.Enum) else value


def taken(names, what):
    """Those of the names the grammar has for this frame."""
    return {ours: number(getattr(what, theirs))
            for ours, theirs in names.items() if hasattr(what, theirs)}


def radio(ip):
    return f"{ip.subnet}/{ip.radio_id}"


def hdap(frame):
    body = frame.data
    what = getattr(body, "data", body)
    says = {"service": number(frame.message_header), "reliable": frame.is_reliable_message}
    for name in ("opcode_header", "service_type", "rrs_type"):
        if hasattr(body, name):
            says["opcode"] = number(getattr(body, name))
    says |= taken(SAME, what)
    addresses = {"radio": "radio_ip", "destination": "destination_ip", "source": "source_ip"}
    for ours, theirs in addresses.items():
        if hasattr(what, theirs):
            says[ours] = radio(getattr(what, theirs))
    if says["service"] == 0x09:
        says["flag"] = bool(number(body.ack_flag))
        says["opcode"] |= says["flag"] << 15 | number(body.option_flag) << 14
        # The grammar takes the option for text.
        option = getattr(body, "option_field", None)
        says["option"] = option and option.encode("utf-16-le").hex()
    if says["service"] == 0x11 and says.get("opcode") == 0x82:
        says["state"] = what.result
    if says["service"] == 0x14:
        says["opcode"] = says["code"]
    if hasattr(what, "broadcast_configuration"):
        pairs = what.broadcast_configuration
        says["pairs"] = [[pair.config_operation, pair.config_target] for pair in pairs]
    if type(what).__name__ == "GenericData":
        says["payload"] = what.data.hex()
    if hasattr(what, "gpsdata"):
        says |= fix(what.gpsdata)
    return says


def fix(gps):
    def angle(text, sign, negative):
        digits = text.decode().replace(".", "")
        degrees, minutes_e4 = int(digits[:-6]), int(digits[-6:])
        return (degrees * 600_000 + minutes_e4) * (-1 if sign == negative else 1)

    time, date = gps.gps_time.decode(), gps.gps_date.decode()
    return {
        "valid": gps.gps_available,
        "time": f"{time[:2]}:{time[2:4]}:{time[4:]}",
        "date": f"20{date[4:]}-{date[2:4]}-{date[:2]}",
        "latitude": angle(gps.latitude, gps.north_south, b"S"),
        "longitude": angle(gps.longitude, gps.east_west, b"W"),
        "speed_dkn": round(float(gps.speed.strip(b"\0") or 0) * 10),
        "course_deg": int(gps.direction.strip(b"\0") or 0),
    }


def datagram(frame):
    flags = (frame.has_option, frame.is_reject, frame.is_close, frame.is_connect,
             frame.is_heartbeat, frame.is_ack)
    options = {number(option.command): int.from_bytes(option.option_payload, "big")
               for option in getattr(frame, "options", [])}
    return {
        "bits": int("".join(str(int(flag)) for flag in flags), 2),
        "sequence": frame.sequence_number, "device": options.get(3), "channel": options.get(4),
        "messages": [hdap(message) for message in getattr(frame, "data", [])],
    }


def serial(frame):
    return {
        "version": frame.version, "block": frame.block, "opcode": number(frame.opcode),
        "source": frame.source_id, "destination": frame.destination_id,
        "packet": frame.packet_number,
        "message": hdap(frame.data) if hasattr(frame, "data") else None,
    }


def csbk(block):
    says = {
        "last": block.last_block, "protect": block.protect_flag,
        "opcode": number(block.csbk_opcode), "feature_set": block.feature_set_id,
    }
    what = getattr(block, "csbk_data", None)
    if what is None:
        return says
    says |= taken(CSBK, what)
    says |= {name: bool(says[name]) for name in FLAGS & says.keys()}
    if hasattr(what, "bs_address"):
        says["target"] = what.bs_address
    if hasattr(what, "service_options"):
        says["options"] = options(what.service_options)
    return says


def options(it):
    return (it.is_emergency_service << 7 | it.privacy << 6 | it.reserved << 4
            | it.is_broadcast_service << 3 | it.is_open_voice_call_mode << 2 | it.priority_level)


def header(frame):
    what = frame.data
    says = {"format": number(frame.data_packet_format), **taken(HEADER, what)}
    for name in ("blocks_to_follow", "appended_blocks"):
        if hasattr(what, name):
            says["blocks"] = getattr(what, name)
    if says["format"] == 0:
        says["blocks"] += 1
    if hasattr(what, "pad_octet_count"):
        says["pad_octets"] = what.pad_octet_count_msb << 4 | what.pad_octet_count
    if hasattr(what, "response_class"):
        says["verdict"] = number(what.response_class) << 3 | what.response_type
        says["sequence"] = what.response_status
        says["is_group"] = what.reserved1
    return says


def link_control(pdu):
    what = pdu.specific_data
    destination = "group_address" if hasattr(what, "group_address") else "target_address"
    return {
        "protect": pdu.protect_flag, "opcode": number(pdu.full_link_control_opcode),
        "feature_set": number(pdu.feature_set_id), "options": what.service_options,
        "destination": getattr(what, destination), "source": what.source_address,
    }
