#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the seeds of fuzz-stream: make-stream-seeds.py DIRECTORY

What the client is asked to do, a byte each, and the packets of the server (fuzz-stream.c).
"""

import os
import struct
import sys

(POST, POST_STAGED, SEND, SEND_STAGED, RECEIVE, READ, READ_WAITING, TAKE, FREE, FLUSH, CONFIRM,
 SETTLE, END) = range(13)
ENXIO = 6
NONE, ASK, WAIT = range(3)
OFF, DBUS = 3, 0x4442757344427573


def pushed(n_sends=0, result=0, messages=(), more=NONE, n_queued=0, n_dropped=0, kind=3):
    out = struct.pack('=IiQQQII', kind, result, n_queued, n_sends, n_dropped, len(messages), more)
    return out + b''.join(struct.pack('=QQ', *message) for message in messages)


def answer(result=0, writes=(), slots=(), is_readable=0, kind=1, call=0):
    out = struct.pack('=IiQQQQIIII', kind, result, 7, 8192, 0, call, len(writes), len(slots), 0,
                      is_readable)
    for address, data in writes:
        out += struct.pack('=QQ', address, len(data)) + data
    return out + struct.pack(f'={len(slots)}i', *slots)


def program(acts, *packets):
    out = bytes([*acts, END])
    for packet in packets:
        n_fds = 0
        if isinstance(packet, tuple):
            packet, n_fds = packet
        out += struct.pack('=HB', len(packet), n_fds) + packet
    return out


# the pool begins as the packets do, with the three bytes in front of the first one
MESSAGE = struct.pack('=QQQQQQQQ', 96, 0, 0, 2, 1, DBUS, 1, 0) + struct.pack('=QQQQ', 32, OFF, 5, 96)
SEEDS = {
    'over': program([POST, POST, READ, SETTLE], pushed(1), pushed(2)),
    'refused': program([POST, POST, SETTLE], pushed(2, -ENXIO)),
    'too-many-over': program([POST, READ], pushed(2)),
    'messages': program([READ, TAKE, TAKE, FREE, TAKE, FLUSH],
                        pushed(messages=[(0, 104), (8, 8), (8000, 400)]), b'12345' + MESSAGE),
    'window': program([READ] * 3 + [TAKE, FREE] * 20,
                      *[pushed(messages=[(0, 64)] * 16)] * 3),
    'ask': program([READ, TAKE, RECEIVE], pushed(more=ASK), answer(-11)),
    'wait': program([READ, READ_WAITING, TAKE], pushed(more=WAIT), pushed(messages=[(0, 8)])),
    'answers': program([POST, SEND, READ_WAITING], pushed(1, -ENXIO), answer(is_readable=1), pushed(1)),
    'descriptors': program([RECEIVE, READ, RECEIVE], (answer(slots=[0, 1, -1]), 2), answer(),
                           (pushed(), 3), (answer(kind=2), 1), answer()),
    'waits': program([SEND, RECEIVE], (answer(call=3), 1), answer(-4), answer()),
    'stage': program([POST_STAGED, POST_STAGED, SEND_STAGED, SETTLE], answer(), answer(), pushed(2)),
    'stage-refused': program([POST_STAGED, POST_STAGED, SETTLE], (answer(-24), 2), pushed(2)),
    'stage-full': program([POST_STAGED] * 60 + [SETTLE], answer(), pushed(4), pushed(40), pushed(60)),
    'garbage': program([READ, SEND], b'\x03', b'\x01\0\0\0'),
}


def main():
    for name, seed in SEEDS.items():
        with open(os.path.join(sys.argv[1], name), 'wb') as f:
            f.write(seed)


main()
