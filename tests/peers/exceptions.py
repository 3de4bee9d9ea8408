"""Where a peer is known to be wrong, or not to know: the peer, what it does, on which frames, why.

Patterns are those of a shell, several divided by `|`. A row no frame needs any more is a fault too:
when a peer mends its own, the row has to go.
"""

OKDMR, KAITAI = "ok-dmrlib", "dmr-kaitai"

CRC9 = "writes and reads the CRC-9 of confirmed blocks lowest bit first, unlike radios"
SERIALS = "gives every confirmed block the serial 0, and its CRC-9 lowest bit first"
EDITED = "checks no HDAP checksum; the frame was edited by who published it"
NINE = "knows the form of 8 bytes alone; one of 9 is on record"
GROUP_ACK = "knows the form of 9 bytes alone; others describe one of 13"
LP = "reads LP A001 and A002 alone"
ORDERS = ("hdap services_made: tmp_a[abc]|hdap services_made: tmp_b[cd]|"
          "hdap services_made: tmp_ad_9|hdap services_made: tmp_ad_13")
RCP = "leaves the payload of most RCP opcodes unread"

EXCEPTIONS = (
    # ok-dmrlib is wrong.
    (OKDMR, "complains of the order of CRC-9",
     "packet ours: confirmed *|packet dmr_made: text_confirmed", CRC9),
    (OKDMR, "refused here",
     "packet ok-dmrlib: confirmed *", SERIALS),
    (OKDMR, "takes",
     "packet ok-dmrlib: confirmed *, one|packet ok-dmrlib: confirmed Rate1Data, usual", SERIALS),
    (OKDMR, "takes",
     "hstrp hytera_hstrp: test_hstrp:26", EDITED),
    (OKDMR, "refused here|takes",
     "hdap ok-dmrlib: position report, 42.0 kn",
     "writes a speed above 9.9 knots in four characters where three have room"),
    (OKDMR, "writes",
     "hdap hytera_hdap: test_location_protocol:13",
     "writes a speed of 0.0 knots as an unknown one"),
    (OKDMR, "writes|complains of CRC",
     "header ours: ack, wanting a response",
     "drops the A bit of a response header, then finds that its own bytes do not fit"),
    (OKDMR, "reads udt_format|writes|complains of CRC",
     "header ours: unified data",
     "makes UDT format 11 (LIP) 15, then finds that its own bytes do not fit"),
    (OKDMR, "lacks protect",
     "header ours: unified data|header dmr_pdus: test_data_header:56",
     "leaves out the protect bit of a UDT header"),
    (OKDMR, "reads *|writes",
     "hdap ours: ack of a group text with its source|hdap services_made: tmp_b2_13", GROUP_ACK),
    (OKDMR, "lacks extra|writes",
     "hdap ours: position request of 9 bytes|hdap hytera_hdap: test_location_protocol:12", NINE),
    # ok-dmrlib does not know it.
    (OKDMR, "refuses",
     "hdap ours: *report*|hdap ours: subscription*|hdap hytera_made: lp_emergency_*|"
     "hdap services_made: lp_[ab]003|hdap services_made: lp_b003_unknown|"
     "hdap services_made: lp_d00[23]", LP),
    (OKDMR, "refuses", ORDERS,
     "names work orders to a terminal without reading them, knows none to a group"),
    (OKDMR, "writes",
     "hstrp services_made: hstrp_two_messages", "writes the first of several messages alone"),
    (OKDMR, "refuses",
     "hdap hytera_hdap: test_location_protocol:18|hdap hytera_hdap: test_location_protocol:20", LP),
    (OKDMR, "refuses",
     "hdap ours: delivery state|hdap hytera_hdap: test_data_delivery_states:10", "has no DDS"),
    (OKDMR, "refuses",
     "hstrp hytera_hstrp: test_hstrp:34|hstrp hytera_hstrp: test_hstrp:36",
     "names RCP 00E7 and 80E7 without reading them"),
    (OKDMR, "refuses",
     "header ours: raw short data|header ours: status|header dmr_made: header_14_*",
     "has no raw and no status headers"),
    (OKDMR, "refuses",
     "csbk dmr_csbk: a4*|csbk dmr_made: csbk_28|csbk dmr_made: csbk_3[2-5]",
     "names these CSBK without reading them"),
    (OKDMR, "refuses",
     "burst dmr_made: burst_[459]|burst dmr_made: burst_11",
     "takes such a burst but cannot write it again"),
    # dmr-kaitai is wrong.
    (KAITAI, "takes",
     "hstrp hytera_hstrp: test_hstrp:26|hdap hytera_hdap: test_location_protocol:11", EDITED),
    (KAITAI, "takes",
     "header dmr_pdus: test_data_header:93", "checks no CRC"),
    (KAITAI, "refuses",
     "hdap hytera_hdap: test_tmp:57|hdap ok-dmrlib: private text with option",
     "takes option data for text in UTF-16"),
    (KAITAI, "refuses",
     "hdap ours: position request of 9 bytes|hdap hytera_hdap: test_location_protocol:12", NINE),
    (KAITAI, "refuses",
     "hdap ours: ack of a group text with its source|hdap services_made: tmp_b2_13", GROUP_ACK),
    (KAITAI, "reads date|reads time|reads speed_dkn|reads course_deg",
     "hdap services_made: lp_[abd]003", "reads a field of NULs as it stands, not as unknown"),
    (KAITAI, "refuses",
     "hdap services_made: lp_b003_unknown", "reads a place of NULs as a number"),
    (KAITAI, "refuses", ORDERS, "takes a work order and its ack for a text"),
    (KAITAI, "lacks is_first_try|lacks may_retry|lacks pad_bits",
     "header ours: raw short data|header dmr_made: header_14_raw",
     "reads every header 14 as a status"),
    (KAITAI, "lacks is_emergency|lacks option",
     "header ours: unified data|header dmr_pdus: test_data_header:56",
     "takes the emergency and option bits of a UDT header for reserved ones"),
    # dmr-kaitai does not know it.
    (KAITAI, "lacks *identity|lacks *value|lacks *target|lacks *flags|lacks *payload",
     "hdap *|hrnp *|hstrp *", RCP),
    (KAITAI, "lacks result|lacks message.result",
     "hdap *: identity answer*|hdap *: Broadcast*Reply *|hdap *: broadcast of messages answer|"
     "hrnp hytera_hrnp: *", RCP),
    (KAITAI, "lacks *mode|lacks *status|lacks *busy_with|lacks *call|lacks *sender",
     "hdap *|hstrp *", RCP),
    (KAITAI, "lacks payload",
     "csbk dmr_csbk: *", "reads no payload of CSBK 25 and 36, and that of 7 in parts"),
    (KAITAI, "lacks source|lacks target",
     "csbk dmr_made: csbk_*", "reads no AHOY and no trunked acknowledgement"),
)
