#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the seeds of fuzz-remote: make-remote-seeds.py DIRECTORY

A seed for the parser is one packet behind a byte; a seed for the server is a byte and
packets, each behind its size, its descriptors and who sends it (fuzz-remote.c).
"""

import os
import struct
import sys

(OPEN, COMMAND, INSTALLED, POLL, POOL, PUBLISHED, CLOSE, COLLECT, STREAM, POST, FREE,
 CONFIRM, STAGE) = range(1, 14)
HELLO, BYEBYE, LIST, SEND, RECV, INFO = (0xc0609580, 0x40189582, 0x80289586, 0x40389590,
                                         0x80409591, 0x80389584)
OWNER, CONN, ENDPOINT, STREAMED = range(4)
# of CONN; the bus has the number before
CONN_ID = 2
# of STREAMED; numbers are those of the domain
STREAMED_ID = 4
VEC, MEMFD, FDS, CANCEL = 2, 4, 5, 6
DBUS = 0x4442757344427573


def padded(data):
    return data + bytes(-len(data) % 8)


def request(op, nr=0, address=0, segments=(), numbers=(), has_file=0, version=2,
            freed=()):
    """Segments are (address, bytes), (address, size) in the file, or (address, (offset, size)) in
    the stage."""
    out = struct.pack('=IIQQIIII', version, op, nr, address, len(segments), len(numbers),
                      has_file, len(freed))
    for where, what in segments:
        place, offset = 0, 0
        if isinstance(what, tuple):
            place, (offset, size) = 2, what
        elif isinstance(what, int):
            place, size = 1, what
        else:
            size = len(what)
        out += struct.pack('=QQII', where, size, place, offset)
    out += padded(struct.pack(f'={len(numbers)}i', *numbers))
    out += struct.pack(f'={len(freed)}Q', *freed)
    return out + b''.join(padded(what) for _, what in segments if isinstance(what, bytes))


def command(nr, *words, size=None):
    cmd = struct.pack(f'={len(words)}Q', *words)
    return request(COMMAND, nr, 0x1000, [(0x1000, struct.pack('=Q', size or len(cmd) + 8) + cmd)])


def item(kind, *words, data=b''):
    data = struct.pack(f'={len(words)}Q', *words) + data
    return padded(struct.pack('=QQ', len(data) + 16, kind) + data)


def send(items, dst=CONN_ID, payload=(), numbers=(), has_file=0, op=COMMAND, freed=()):
    msg = struct.pack('=QQQQQQQQ', 64 + len(items), 0, 0, dst, 0, DBUS, 1, 0) + items
    cmd = struct.pack('=QQQQQQQ', 56, 0, 0, 0x2000, 0, 0, 0)
    return request(op, SEND, 0x1000, [(0x1000, cmd), (0x2000, msg), *payload], numbers,
                   has_file, freed=freed)


def post(items=b'', dst=STREAMED_ID, **more):
    return send(items, dst, op=POST, **more)


def call(cancel=None):
    """A synchronous one of itself, for ever, with cookie 1."""
    msg = struct.pack('=QQQQQQQQ', 64, 1, 0, CONN_ID, 0, DBUS, 1, 1 << 62)
    items = item(CANCEL, data=struct.pack('=i', cancel)) if cancel else b''
    size = 76 if cancel else 56
    cmd = struct.pack('=QQQQQQQ', size, 1, 0, 0x2000, 0, 0, 0) + items
    return request(COMMAND, SEND, 0x1000, [(0x1000, cmd[:size]), (0x2000, msg)],
                   [cancel - 1, cancel] if cancel else [])


def reply(items=b'', numbers=()):
    msg = struct.pack('=QQQQQQQQ', 64 + len(items), 0, 0, CONN_ID, 0, DBUS, 2, 1) + items
    cmd = struct.pack('=QQQQQQQ', 56, 0, 0, 0x2000, 0, 0, 0)
    return request(COMMAND, SEND, 0x1000, [(0x1000, cmd), (0x2000, msg)], numbers)


def program(*steps):
    out = b'\0'
    for who, packet, *n_fds in steps:
        n_fds = n_fds[0] if n_fds else 0
        out += struct.pack('=HB', len(packet), n_fds | who << 3) + packet
    return out


RECEIVE = command(RECV, 0, 0, 0, 0, 0, 0, 0)
TWO_VECS = item(VEC, 5, 0x3000) + item(VEC, 3, 0x4000)
PIECES = [(0x3000, b'hello'), (0x4000, b'you')]
PARSER = {
    'open': request(OPEN),
    'command': command(LIST, 15, 0, 0, 0),
    'message': send(TWO_VECS, payload=PIECES),
    'old-version': request(OPEN, version=0),
    'freed': request(FREE, freed=[0, 64]),
    'staged': send(TWO_VECS, payload=[(0x3000, (64, 5)), (0x4000, b'you')]),
}
SERVER = {
    'message': [(CONN, send(TWO_VECS, payload=PIECES)), (CONN, RECEIVE), (CONN, RECEIVE)],
    'missing-bytes': [(CONN, send(TWO_VECS, payload=PIECES[:1]))],
    'bytes-in-file': [(CONN, send(item(VEC, 5, 0x3000), payload=[(0x3000, 5)], has_file=1), 1)],
    'descriptors': [(CONN, send(item(FDS, data=struct.pack('=ii', 7, 9)), numbers=[7, 9]), 2),
                    (CONN, RECEIVE), (CONN, request(INSTALLED, numbers=[4, -1]))],
    'one-descriptor': [(CONN, send(item(FDS, data=struct.pack('=i', 7)), numbers=[7]), 1),
                       (CONN, RECEIVE), (CONN, request(INSTALLED, numbers=[4])),
                       (CONN, request(INSTALLED, numbers=[4]))],
    'memfd': [(CONN, send(item(MEMFD, 0, 8, 7), numbers=[7]), 1)],
    'poll-and-pool': [(CONN, request(POLL)), (CONN, request(POOL)), (OWNER, request(POOL))],
    'list': [(CONN, command(LIST, 15, 0, 0, 0)), (CONN, command(INFO, 0, 0, CONN_ID, 0xffff, 0, 0))],
    'negotiate': [(CONN, command(LIST, 1 << 63, 0, 0, 0))],
    'hello': [(ENDPOINT, command(HELLO, 1, 0, 0, 0, 0, 0, 4096, 0, 0, 0, 0)),
              (CONN, send(TWO_VECS, dst=CONN_ID + 1, payload=PIECES)), (ENDPOINT, RECEIVE)],
    'byebye': [(CONN, command(BYEBYE, 0, 0)), (CONN, request(POLL))],
    'call': [(CONN, call()), (CONN, RECEIVE),
             (CONN, reply(item(FDS, data=struct.pack('=i', 7)), [7]), 1),
             (CONN, request(COLLECT, 1)), (CONN, request(INSTALLED, numbers=[4]))],
    'call-cancelled': [(CONN, call(8), 2), (CONN, request(POLL)), (CONN, request(COLLECT, 1))],
    'call-resumed': [(CONN, call()), (CONN, request(COLLECT, 1)), (CONN, call()),
                     (CONN, reply()), (CONN, request(COLLECT, 2))],
    'call-abandoned': [(CONN, call()), (CONN, call()), (CONN, request(COLLECT, 3)),
                       (CONN, command(BYEBYE, 0, 0)), (CONN, request(COLLECT, 1))],
    'published': [(OWNER, request(PUBLISHED)), (CONN, request(PUBLISHED))],
    'stream': [(STREAMED, post(TWO_VECS, payload=PIECES)), (STREAMED, request(FREE, freed=[0])),
               (STREAMED, post(dst=99, freed=[0, 8])), (STREAMED, request(CONFIRM))],
    'stream-window': [(STREAMED, post())] * 34 + [(STREAMED, request(CONFIRM, freed=[0, 64, 128]))],
    'stream-descriptors': [
        (STREAMED, post(item(FDS, data=struct.pack('=i', 7)), numbers=[7]), 1), (STREAMED, post()),
        (STREAMED, RECEIVE), (STREAMED, request(INSTALLED, numbers=[4])),
        (STREAMED, request(CONFIRM))],
    'stream-gone': [(STREAMED, post()), (STREAMED, command(BYEBYE, 0, 0)), (STREAMED, post()),
                    (STREAMED, request(CONFIRM, freed=[0]))],
    'stream-refused': [(CONN, request(STREAM)), (ENDPOINT, request(STREAM)), (CONN, post())],
    'stage': [(STREAMED, request(STAGE, has_file=1), 1),
              (STREAMED, post(TWO_VECS, payload=[(0x3000, (64, 5)), (0x4000, b'you')])),
              (STREAMED, post(item(VEC, 4096, 0x3000), payload=[(0x3000, (0, 4096))])),
              (STREAMED, send(item(VEC, 5, 0x3000), STREAMED_ID, payload=[(0x3000, (4092, 5))])),
              (STREAMED, request(STAGE, has_file=1), 1)],
    'stage-refused': [(CONN, request(STAGE, has_file=1), 1),
                      (STREAMED, post(item(VEC, 5, 0x3000), payload=[(0x3000, (0, 5))]))],
    'close': [(OWNER, request(CLOSE)), (CONN, request(POLL)), (CONN, RECEIVE)],
}


def main():
    for name, packet in PARSER.items():
        with open(os.path.join(sys.argv[1], 'parse-' + name), 'wb') as f:
            f.write(b'\1' + packet)
    for name, steps in SERVER.items():
        with open(os.path.join(sys.argv[1], name), 'wb') as f:
            f.write(program(*steps))


main()
