"""Frames ok-dmrlib writes from values of its own, each with what it means by them."""

from bitarray.util import int2ba
from okdmr.dmrlib.etsi.layer2.elements.csbk_opcodes import CsbkOpcodes
from okdmr.dmrlib.etsi.layer2.elements.data_packet_formats import DataPacketFormats
from okdmr.dmrlib.etsi.layer2.elements.defined_data_formats import DefinedDataFormats
from okdmr.dmrlib.etsi.layer2.elements.full_message_flag import FullMessageFlag
from okdmr.dmrlib.etsi.layer2.elements.resynchronize_flag import ResynchronizeFlag
from okdmr.dmrlib.etsi.layer2.elements.sap_identifier import SAPIdentifier
from okdmr.dmrlib.etsi.layer2.elements.sarq import SARQ
from okdmr.dmrlib.etsi.layer2.pdu.csbk import CSBK
from okdmr.dmrlib.etsi.layer2.pdu.data_header import DataHeader
from okdmr.dmrlib.etsi.layer2.pdu.rate1_data import Rate1Data
from okdmr.dmrlib.etsi.layer2.pdu.rate12_data import Rate12Data
from okdmr.dmrlib.etsi.layer2.pdu.rate34_data import Rate34Data
from okdmr.dmrlib.hytera.pdu.hrnp import HRNP, HRNPOpcodes
from okdmr.dmrlib.hytera.pdu.hstrp import HSTRP, HSTRPOptions, HSTRPOptionType, HSTRPPacketType
from okdmr.dmrlib.hytera.pdu.location_protocol import (
    GPSData, LocationProtocol, LocationProtocolSpecificService,
)
from okdmr.dmrlib.hytera.pdu.radio_control_protocol import (
    RadioControlProtocol, RadioIpIdTarget, RCPOpcode, RCPResult,
)
from okdmr.dmrlib.hytera.pdu.radio_ip import RadioIP
from okdmr.dmrlib.hytera.pdu.radio_registration_service import RadioRegistrationService, RRSTypes
from okdmr.dmrlib.hytera.pdu.text_message_protocol import (
    TextMessageProtocol, TMPResultCodes, TMPService,
)
from okdmr.dmrlib.transmission.transmission_generator import TransmissionGenerator

import okdmr_peer

WORDS = "警情:黄江大道"
RADIO, DISPATCHER, GROUP = RadioIP(1001), RadioIP(1), RadioIP(110, subnet=0)


def frames():
    """Name, kind, bytes and meaning of each."""
    made = [
        *(("hdap", name, pdu) for name, pdu in service_messages()),
        *(("hstrp", name, frame) for name, frame in datagrams()),
        *(("hrnp", name, frame) for name, frame in serial()),
        *(("csbk", name, block) for name, block in signals()),
        *(("header", name, header) for name, header in headers()),
    ]
    for kind, name, what in made:
        yield f"ok-dmrlib: {name}", kind, what.as_bytes(), okdmr_peer.fields(what)
    yield from packets()


def service_messages():
    for kind in RRSTypes:
        yield f"RRS {kind.name}", RadioRegistrationService(
            kind, radio_ip=RADIO, renew_time_seconds=1800)
    yield "RRS, reliable", RadioRegistrationService(
        RRSTypes.RadioGoingOffline, radio_ip=RADIO, is_reliable=True)
    for confirmed in (False, True):
        yield f"private text, {confirmed}", TextMessageProtocol(
            TMPService.SendPrivateMessage, DISPATCHER, RADIO, text_data=WORDS, request_id=7,
            is_confirmed=confirmed)
    yield "private text with option", TextMessageProtocol(
        TMPService.SendPrivateMessage, DISPATCHER, RADIO, text_data=WORDS, request_id=7,
        has_option=True, option_data=b"\1\2\3")
    yield "group text", TextMessageProtocol(
        TMPService.SendGroupMessage, DISPATCHER, GROUP, text_data=WORDS, request_id=2**32 - 1)
    for result in TMPResultCodes:
        yield f"private ack {result.name}", TextMessageProtocol(
            TMPService.SendPrivateMessageAck, RADIO, DISPATCHER, result_code=result, request_id=7)
        yield f"group ack {result.name}", TextMessageProtocol(
            TMPService.SendGroupMessageAck, None, GROUP, result_code=result, request_id=7)
    for request in (0, 2**32 - 1):
        yield f"position request {request}", LocationProtocol(
            LocationProtocolSpecificService.StandardRequest, request, RADIO)
    for speed in (0.1, 9.9, 42.0):
        fix = GPSData("A", b"080740", b"281126", "N", 2251.1234, "E", 11359.9876, speed, 270)
        yield f"position report, {speed} kn", LocationProtocol(
            LocationProtocolSpecificService.StandardReport, 7, RADIO, gpsdata=fix)
    for flags in range(8):
        yield f"broadcast of messages {flags}", RadioControlProtocol(
            RCPOpcode.BroadcastMessageConfigurationRequest, broadcast_type=flags)
    for opcode in (RCPOpcode.BroadcastMessageConfigurationReply,
                   RCPOpcode.BroadcastStatusConfigurationReply):
        for result in (RCPResult.Success, RCPResult.Failure):
            yield f"{opcode.name} {result.name}", RadioControlProtocol(opcode, result=result)
    for target in RadioIpIdTarget:
        yield f"identity query {target.name}", RadioControlProtocol(
            RCPOpcode.RadioIDAndRadioIPQueryRequest, target=target)
        yield f"identity answer {target.name}", RadioControlProtocol(
            RCPOpcode.RadioIDAndRadioIPQueryReply, target=target, raw_value=b"\x0a\0\x03\xe9")
    yield "broadcast of states", RadioControlProtocol(
        RCPOpcode.BroadcastStatusConfigurationRequest, broadcast_config_raw=b"\2\0\1\1\1")


def datagrams():
    def options():
        both = HSTRPOptions().add_option(HSTRPOptionType.DeviceID, (99999).to_bytes(4, "big"))
        return both.add_option(HSTRPOptionType.ChannelID, b"\2")

    text = TextMessageProtocol(
        TMPService.SendPrivateMessage, DISPATCHER, RADIO, text_data=WORDS, request_id=7)
    yield "connect", HSTRP(HSTRPPacketType(have_options=True, is_connect=True), 2, options())
    yield "connect ack", HSTRP(
        HSTRPPacketType(have_options=True, is_connect=True, is_ack=True), 1, options())
    yield "heartbeat", HSTRP(HSTRPPacketType(is_heartbeat=True), 0)
    yield "ack", HSTRP(HSTRPPacketType(is_ack=True), 65535)
    yield "close", HSTRP(HSTRPPacketType(is_close=True), 0)
    yield "reject", HSTRP(HSTRPPacketType(is_reject=True), 1)
    yield "data", HSTRP(HSTRPPacketType(), 1, None, text)
    yield "data with options", HSTRP(HSTRPPacketType(have_options=True), 256, options(), text)


def serial():
    registration = RadioRegistrationService(RRSTypes.RadioRegistrationRequest, radio_ip=RADIO)
    for opcode in HRNPOpcodes:
        data = registration if opcode == HRNPOpcodes.DATA else None
        frame = HRNP(data, opcode, packet_number=65535)
        # What it writes has the right one.
        frame.checksum_correct = True
        yield opcode.name, frame


def signals():
    ends = {"source_address": 4600123, "target_address": 1001}
    for blocks in (0, 1, 255):
        for individual in (True, False):
            yield f"preamble {blocks} {individual}", CSBK(
                CsbkOpcodes.PreambleCSBK, blocks_to_follow=blocks,
                target_address_is_individual=individual, **ends)
    yield "activation", CSBK(
        CsbkOpcodes.BSOutboundActivation, bs_address=0xFFFFFF, source_address=202)


def headers():
    common = {
        "llid_destination": 1001, "llid_source": 4600123,
        "sap_identifier": SAPIdentifier(4), "full_message_flag": FullMessageFlag(1),
    }
    yield "unconfirmed", DataHeader(
        DataPacketFormats.DataPacketUnconfirmed, pad_octet_count=21, blocks_to_follow=127,
        **common)
    yield "confirmed", DataHeader(
        DataPacketFormats.DataPacketConfirmed, pad_octet_count=3, blocks_to_follow=1,
        is_response_requested=True, send_sequence_number=5, fragment_sequence_number=8,
        resynchronize_flag=ResynchronizeFlag(0), **common)
    yield "response", DataHeader(
        DataPacketFormats.ResponsePacket, response_class=0, response_type=1, response_status=5,
        **common)


def packets():
    """Texts whose pieces the peer's generator made, in all rates."""
    lengths = [("one", "a"), ("usual", WORDS), ("long", WORDS * 20)]
    for block in (Rate12Data, Rate34Data, Rate1Data):
        for confirmed in (False, True):
            for length, words in lengths:
                header, bursts = text(block, confirmed, words)
                sort = "confirmed" if confirmed else "unconfirmed"
                name = f"ok-dmrlib: {sort} {block.__name__}, {length}"
                says = okdmr_peer.header(header)
                says |= {"octets": words.encode("utf-16-le").hex(), "text": words}
                yield name, "packet", b"".join(burst.as_bytes() for burst in bursts), says


def text(block, confirmed, words):
    data, padding = TransmissionGenerator.generate_data_bursts(
        block, words.encode("utf-16-le"), is_confirmed=confirmed)
    header = DataHeader(
        DataPacketFormats.ShortDataDefined, llid_destination=1001, llid_source=4600123,
        is_response_requested=confirmed, sap_identifier=SAPIdentifier.ShortData,
        full_message_flag=FullMessageFlag(1), appended_blocks=len(data), sarq=SARQ(confirmed),
        defined_data_format=DefinedDataFormats(0x15), bit_padding=int2ba(padding * 8, length=8))
    return header, [TransmissionGenerator.generate_data_header_burst(header), *data]
