#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the seeds of fuzz-items: make-items-seeds.py DIRECTORY

The programs are spelt in the order in which fuzz-items.c takes its bytes; a
change there wants one here.
"""

import os
import struct
import sys

(BUS_MAKE, ENDPOINT_MAKE, ENDPOINT_UPDATE, HELLO, UPDATE, BYEBYE, FREE, CONN_INFO, CREATOR_INFO,
 LIST, SEND_ITEMS, SEND, _, RECV, _, ACQUIRE, RELEASE, MATCH_ADD, MATCH_REMOVE, UNKNOWN) = range(20)
N_FIELDS = {HELLO: 9, FREE: 1, CONN_INFO: 4, CREATOR_INFO: 4, LIST: 2, SEND_ITEMS: 4, SEND: 4,
            RECV: 5, MATCH_ADD: 1, MATCH_REMOVE: 1}
SUITABLE = {BUS_MAKE: 3, ENDPOINT_MAKE: 1, ENDPOINT_UPDATE: 2, HELLO: 7, UPDATE: 4, CONN_INFO: 1,
            SEND_ITEMS: 1, ACQUIRE: 1, RELEASE: 1, MATCH_ADD: 9}

# handles
OWNER, A, B, STRANGER, ENDPOINT, CONTROL, DIRECT = range(7)
# values
ANY, POOL = 0xf0, 0xf1
# names
NAME_A, NAME_B, NAME_C, WILDCARD = range(4)
BUS_NAME, OTHER_BUS_NAME = 200, 201
# destinations
TO_A, TO_B, TO_STRANGER, TO_DIRECT, BY_NAME, TO_ALL = 2, 3, 4, 5, 0, 0xa0
# flags
EXPECT_REPLY, SIGNAL, NEGOTIATE = 1, 4, 0xe0
# items that suit MATCH_ADD, in its order
BLOOM, NAME, ID, DST_ID, NAME_ADD, NAME_REMOVE, NAME_CHANGE, ID_ADD, ID_REMOVE = range(9)
# items that suit a message
VEC, _, MEMFD, FDS, FILTER, DST_NAME = range(6)
UNSUITABLE = 0xff
NO_FLAW = 0xff
FAIL = 0xf0


def content(flags, n_fields, items, suitable, fields=(), flaw=NO_FLAW):
    """What fill_struct() takes.

    An item is (index among the suitable, payload bytes...), or a list that begins
    with UNSUITABLE and has the index among all.  More than three are an even number.
    """
    n = len(items)
    if not n or n < 4 and suitable:
        out = [n, flaw, flags]
    else:
        assert n % 2 == 0
        out = [0xf0 + n // 2, flaw, flags]
    out += list(fields) + [0] * (n_fields - len(fields))
    for item in items:
        out += ([0] if suitable and isinstance(item, tuple) else []) + list(item)
    return out


def command(node, nr, items=(), flags=0, fields=(), fail=None, answered=True, flaw=NO_FLAW):
    out = [node, nr] if fail is None else [node, FAIL, fail, nr]
    out += content(flags, N_FIELDS.get(nr, 0), items, SUITABLE.get(nr, 0), fields, flaw)
    if nr == HELLO:
        out += [0, 0, 0xff]
    return out + ([0] if answered else [])


def send(node, dst, items=(), flags=0, cookie=0, number=1, nr=SEND, cmd_items=(), fail=None,
         answered=True, **more):
    out = [node, nr] if fail is None else [node, FAIL, fail, nr]
    out += content(more.get('cmd_flags', 0), 4, cmd_items, SUITABLE.get(nr, 0))
    # dst, src, payload type, cookie, timeout
    out += content(flags, 5, items, 6, [0, 0, 0, number], more.get('flaw', NO_FLAW))
    out += [dst, 0, cookie]
    return out + ([0] if answered else [])


def recv(node, flags=0, **more):
    return command(node, RECV, flags=flags, **more)


def vec(size=100, address=2):
    return (VEC, size, address)


FILTER_ITEM = (FILTER, 0, 1, 0xff)


def match(kind, *payload, **more):
    return command(A, MATCH_ADD, [(kind, *payload)], **more)


def reopen(node):
    return [node, 0xf8]


def expire(value):
    return [0, 0xf4, value]


def name_change(kind, old, new, name=None):
    tail = [0] if name is None else [1, name]
    return match(kind, old, 0, new, 0, *tail)


def direct_send(dst, flags=0, cookie=1, cookie_reply=0, name=None, bloom=False, fds=False):
    more = (name is not None) | bloom << 1 | fds << 2
    return [DIRECT, 4, dst, flags, cookie, cookie_reply, more,
            *([] if name is None else [name]), 100]


def program(*steps):
    return bytes([0] + [byte for step in steps for byte in step])


PROGRAMS = {
    'unicast': program(send(A, TO_B, [vec()]), recv(B), recv(B, answered=False)),
    'unicast-to-self': program(send(A, TO_A, [vec()]), recv(A)),
    'no-items': program(send(A, TO_B), recv(B)),
    'zeros-and-bytes': program(send(A, TO_B, [vec(8), vec(5, 0), vec(3)]), recv(B)),
    'bad-address': program(send(A, TO_B, [vec(8, 1)], answered=False)),
    'memfd': program(send(A, TO_B, [(MEMFD, 4, 4, 0)]), recv(B)),
    'fds': program(send(A, TO_B, [vec(), (FDS, 3, 0, 1, 2)]), recv(B)),
    'fds-peek': program(send(A, TO_B, [(FDS, 1, 0)]), recv(B, 1), recv(B)),
    'fds-bad': program(send(A, TO_B, [(FDS, 1, 0xe6)], answered=False),
                       send(A, TO_B, [(FDS, 1, 0xe4)], answered=False)),
    'fds-17': program(send(A, TO_B, [(FDS, 0xed, *[0] * 17)], answered=False)),
    'memfds-18': program(send(A, TO_B, [(MEMFD, 4, 4, 0)] * 18, answered=False)),
    'memfd-overflow': program(send(A, TO_B, [(MEMFD, ANY, 4, 0)], answered=False)),
    'memfd-not-sealed': program(send(A, TO_B, [(MEMFD, 0, 4, 0xe0, 0xe5)], answered=False),
                                send(A, TO_B, [(MEMFD, 0, 4, 0xe0, 0)], answered=False)),
    'vec-above-2-mib': program(send(A, TO_B, [vec(0xf6)], answered=False)),
    'bad-dst-name': program(send(A, BY_NAME, [(DST_NAME, 192)], answered=False)),
    'broadcast-by-name': program(send(A, TO_ALL, [FILTER_ITEM, (DST_NAME, NAME_A)], SIGNAL,
                                      answered=False)),
    'negotiate-in-message': program(send(A, TO_B, [[UNSUITABLE, 0, 2, 1, 15]], answered=False)),
    'message-twice-a-name': program(send(A, BY_NAME, [(DST_NAME, NAME_A)] * 2, answered=False)),
    'fds-broadcast': program(send(A, TO_ALL, [FILTER_ITEM, (FDS, 1, 0)], SIGNAL, answered=False)),
    'drop': program(send(A, TO_B, [vec()], EXPECT_REPLY, 3), recv(B, 2), recv(A)),
    'priority': program(send(A, TO_B, [vec()]), recv(B, 4), recv(B, 6, answered=False)),
    'by-name': program(command(B, ACQUIRE, [(0, NAME_A)]), send(A, BY_NAME, [(DST_NAME, NAME_A)]),
                       recv(B)),
    'by-unknown-name': program(send(A, BY_NAME, [(DST_NAME, NAME_A)], answered=False)),
    'no-destination': program(send(A, BY_NAME, [vec()], answered=False)),
    'no-such-id': program(send(A, 1, [vec()], answered=False)),
    'call-and-reply': program(send(A, TO_B, [vec()], EXPECT_REPLY, 3, 5), recv(B),
                              send(B, TO_A, [vec()], 0, 1), recv(A, answered=False)),
    'call-reply-1': program(send(A, TO_B, [vec()], EXPECT_REPLY, 3, 1), recv(B),
                            send(B, TO_A, [vec()], 0, 1), recv(A)),
    'unasked-reply': program(send(B, TO_A, [vec()], 0, 1, answered=False)),
    'call-times-out': program(send(A, TO_B, [vec()], EXPECT_REPLY, 3, 1), expire(100), recv(A)),
    'callee-goes': program(send(A, TO_B, [vec()], EXPECT_REPLY, 3, 1), reopen(B), recv(A)),
    'sync': program(send(A, TO_B, [vec()], EXPECT_REPLY, 3, 1, nr=SEND_ITEMS, cmd_flags=1,
                         cmd_items=[(0, 0)], answered=False)),
    'broadcast': program(match(ID, ANY), send(B, TO_ALL, [FILTER_ITEM, vec()], SIGNAL), recv(A)),
    'broadcast-without-filter': program(send(B, TO_ALL, [vec()], SIGNAL, answered=False)),
    'broadcast-bloom': program(match(BLOOM, 1, 0x0f), match(BLOOM, 2, 0xf0),
                               send(B, TO_ALL, [FILTER_ITEM], SIGNAL), recv(A),
                               send(B, TO_ALL, [(FILTER, 3, 1, 0x3f)], SIGNAL), recv(A)),
    'bloom-of-wrong-size': program(match(BLOOM, 0, 0, answered=False),
                                   send(B, TO_ALL, [(FILTER, 0, 0, 8, 1)], SIGNAL, answered=False),
                                   send(B, TO_ALL, [(FILTER, 0, 0, 7, 1)], SIGNAL, answered=False)),
    'match-sender-name': program(match(NAME, NAME_A), command(B, ACQUIRE, [(0, NAME_A)]),
                                 send(B, TO_ALL, [FILTER_ITEM], SIGNAL), recv(A)),
    'match-dst-id': program(match(DST_ID, 2), send(B, TO_A, [FILTER_ITEM], SIGNAL), recv(A)),
    'match-nothing': program(command(A, MATCH_ADD), command(B, ACQUIRE, [(0, NAME_A)]), recv(A)),
    'match-replace-remove': program(match(ID, ANY), match(ID, 3, flags=1),
                                    command(A, MATCH_REMOVE),
                                    command(A, MATCH_REMOVE, answered=False)),
    'names': program(name_change(NAME_ADD, ANY, ANY), name_change(NAME_CHANGE, ANY, ANY),
                     name_change(NAME_REMOVE, ANY, ANY, NAME_A),
                     command(B, ACQUIRE, [(0, NAME_A)], flags=2), recv(A),
                     command(A, ACQUIRE, [(0, NAME_A)], flags=1), recv(A),
                     command(B, ACQUIRE, [(0, NAME_A)], flags=4),
                     command(A, RELEASE, [(0, NAME_A)]), recv(A), reopen(B), recv(A)),
    'name-busy': program(command(B, ACQUIRE, [(0, NAME_A)]),
                         command(A, ACQUIRE, [(0, NAME_A)], answered=False),
                         command(A, RELEASE, [(0, NAME_A)], answered=False),
                         command(A, RELEASE, [(0, NAME_B)], answered=False)),
    'name-wildcard': program(command(A, ACQUIRE, [(0, WILDCARD)], answered=False)),
    'name-refused': program(command(STRANGER, ACQUIRE, [(0, NAME_A)], answered=False)),
    'ids': program(match(ID_ADD, ANY, 0), match(ID_REMOVE, ANY, 0), command(ENDPOINT, HELLO),
                   recv(A), reopen(ENDPOINT), recv(A)),
    'hello-faked': program(command(ENDPOINT, HELLO, [(1, *[7] * 8), (2, 1, 0, 0), (3, NAME_A),
                                                     (5, NAME_C)]),
                           command(A, CONN_INFO, fields=[5, ANY])),
    'hello-auxgroups': program(command(ENDPOINT, HELLO, [(4, 1, 7)], answered=False)),
    'hello-twice': program(command(A, HELLO, answered=False)),
    'hello-special': program(command(ENDPOINT, HELLO, [(0, NAME_A)], flags=2, answered=False),
                             command(ENDPOINT, HELLO, flags=8, answered=False),
                             command(ENDPOINT, HELLO, flags=12, answered=False)),
    'policy': program(command(ENDPOINT, HELLO, [(0, NAME_A), (6, 1, 2, 77), (6, 2, 1, 7),
                                                (6, 3, 0, 0)], flags=4),
                      command(STRANGER, ACQUIRE, [(0, NAME_A)]),
                      send(STRANGER, TO_A, [vec()], answered=False),
                      command(ENDPOINT, UPDATE, [(2, NAME_B), (3, 3, 1, 0)]),
                      command(A, ACQUIRE, [(0, NAME_B)]),
                      send(STRANGER, TO_A, [vec()]), recv(A),
                      command(ENDPOINT, UPDATE, [(3, 3, 1, 0)], answered=False),
                      command(ENDPOINT, UPDATE, [(2, NAME_B), (3, 0, 1, 0)], answered=False),
                      command(ENDPOINT, UPDATE, [(2, NAME_B), (3, 3, 3, 0)], answered=False),
                      command(ENDPOINT, UPDATE, [(2, NAME_A), (2, NAME_B)], answered=False),
                      command(ENDPOINT, UPDATE, [(2, WILDCARD), (3, 2, 2, 8)]),
                      command(STRANGER, ACQUIRE, [(0, NAME_B)]), reopen(ENDPOINT)),
    'policy-twice': program(command(ENDPOINT, HELLO, [(0, NAME_A)], flags=4),
                            command(CONTROL, HELLO, answered=False), reopen(B),
                            command(B, HELLO, [(0, NAME_A)], flags=4, answered=False)),
    'update': program(command(A, UPDATE, [(0, 0, 1), (1, 0, 1)]),
                      command(A, UPDATE, [(2, NAME_A)], answered=False)),
    'queries': program(command(B, ACQUIRE, [(0, NAME_A)]), command(A, LIST, flags=15),
                       command(A, LIST), command(A, CONN_INFO, fields=[3, ANY]),
                       command(A, CONN_INFO, [(0, NAME_A)], fields=[0, ANY]),
                       command(A, CONN_INFO, fields=[99, 0], answered=False),
                       command(A, CREATOR_INFO, fields=[0, ANY])),
    'free': program(command(A, FREE, fields=[POOL]), command(A, FREE, answered=False)),
    'byebye': program(send(A, TO_B), command(B, BYEBYE, answered=False), recv(B),
                      command(B, BYEBYE), recv(B, answered=False)),
    'bus-make': program(command(CONTROL, BUS_MAKE, [(0, OTHER_BUS_NAME), (1, 64, 1), (2, 0, 1)]),
                        command(CONTROL, BUS_MAKE, answered=False)),
    'bus-make-refused': program(
        command(CONTROL, BUS_MAKE, [(0, BUS_NAME), (1, 64, 1)], answered=False),
        command(CONTROL, BUS_MAKE, [(0, OTHER_BUS_NAME), (1, 7, 1)], answered=False),
        command(CONTROL, BUS_MAKE, [(0, NAME_A), (1, 64, 1)], answered=False),
        command(CONTROL, BUS_MAKE, answered=False)),
    'endpoint-make': program(command(ENDPOINT, ENDPOINT_MAKE, [(0, OTHER_BUS_NAME)],
                                     answered=False),
                             command(ENDPOINT, ENDPOINT_UPDATE, [(0, NAME_A), (1, 3, 1, 0)],
                                     answered=False)),
    'owner-goes': program(send(A, TO_B), reopen(OWNER), recv(B, answered=False),
                          reopen(ENDPOINT)),
    'unknown-command': program(command(A, UNKNOWN, answered=False)),
    'negotiate': program(command(A, LIST, flags=NEGOTIATE, answered=False),
                         command(ENDPOINT, HELLO, flags=NEGOTIATE, answered=False),
                         send(A, TO_B, flags=NEGOTIATE, cmd_flags=NEGOTIATE, answered=False)),
    'every-type': program(*[command(A, ACQUIRE, [[UNSUITABLE, n]], answered=False)
                            for n in range(40)]),
    'every-type-flawed': program(*[command(A, ACQUIRE, [[UNSUITABLE, n, *[1] * 10]], flaw=1,
                                           answered=False) for n in range(40)]),
    'flaws': program(*[command(A, ACQUIRE, [(0, NAME_A)], flaw=flaw, answered=False)
                       for flaw in range(1, 7)]),
    'message-flaws': program(*[send(A, TO_B, [vec()], flaw=flaw, answered=False)
                               for flaw in range(1, 7)]),
    'out-of-memory': program(*[send(A, TO_B, [vec(), (FDS, 1, 0), (MEMFD, 4, 4, 0)], fail=n,
                                    answered=n > 6) for n in range(12)]),
    'out-of-memory-match': program(*[match(ID, ANY, fail=n, answered=n > 2) for n in range(5)]),
    'out-of-memory-hello': program(*[command(ENDPOINT, HELLO, [(5, NAME_C)], fail=n,
                                             answered=False) for n in range(12)]),
}


DIRECT_OPEN, DIRECT_CLOSE, DIRECT_LIST, DIRECT_RECV = [DIRECT], [DIRECT, 0], [DIRECT, 1, 15, 0], [
    DIRECT, 2]
PROGRAMS.update({
    'direct-to-pool': program(DIRECT_OPEN, direct_send(TO_A, fds=True), recv(A),
                              command(A, ACQUIRE, [(0, NAME_A)]),
                              direct_send(BY_NAME, name=NAME_A), recv(A)),
    'pool-to-direct': program(DIRECT_OPEN, send(A, TO_DIRECT, [vec(), (FDS, 1, 0)]), DIRECT_RECV,
                              send(A, TO_DIRECT, [vec(8, 0), (MEMFD, 4, 4, 0)]), DIRECT_RECV,
                              DIRECT_RECV),
    'direct-broadcast': program(DIRECT_OPEN, match(BLOOM, 1, 0), match(ID_REMOVE, ANY, 0),
                                direct_send(TO_ALL, SIGNAL, bloom=True), recv(A), DIRECT_RECV,
                                send(A, TO_ALL, [FILTER_ITEM], SIGNAL), DIRECT_RECV, DIRECT_CLOSE,
                                recv(A)),
    'direct-call': program(DIRECT_OPEN, direct_send(TO_A, EXPECT_REPLY, 5, 3), recv(A),
                           send(A, TO_DIRECT, cookie=1, answered=False), expire(200),
                           DIRECT_RECV, send(B, TO_DIRECT, [vec()], EXPECT_REPLY, 3, 1),
                           DIRECT_RECV, direct_send(TO_B, 0, 2, 1), recv(B)),
    'direct-refused': program(DIRECT_OPEN, direct_send(1), direct_send(TO_ALL), direct_send(0),
                              direct_send(TO_ALL, SIGNAL, bloom=True, fds=True),
                              direct_send(TO_ALL, SIGNAL, bloom=True, name=NAME_A)),
    'direct-list': program(DIRECT_OPEN, DIRECT_LIST, DIRECT_CLOSE, DIRECT_OPEN, reopen(OWNER),
                           DIRECT_RECV, DIRECT_CLOSE, DIRECT_OPEN),
})


def item(kind, payload):
    size = 16 + len(payload)
    return struct.pack('=QQ', size, kind) + payload + bytes(-size % 8)


def message(items, payload=b'', src=2, cookie=3, flags=0, size=None):
    body = b''.join(items)
    head = struct.pack('=QQqQQQQQ', size or 64 + len(body), flags, 0, 3, src, 0x4442757344427573,
                       cookie, 4)
    return b'\xff' + head + body + payload + bytes(-len(payload) % 8)


def off(size, offset):
    return item(3, struct.pack('=QQ', size, offset))


def change(kind, name):
    return item(kind, struct.pack('=QQQQ', 0, 0, 5, 0x20) + name)


NOWHERE = 2 ** 64 - 1
SLICES = {
    'slice-payload': message([off(8, 96), item(10, b'a.b\0'), item(0x1000, bytes(24))],
                             b'payload!'),
    'slice-zeros': message([off(8, 160), off(5, NOWHERE), off(3, 168)], b'payload!end'),
    'slice-outside': message([off(8, 1000)]),
    'slice-too-much': message([off(2 ** 40, NOWHERE)]),
    'slice-call': message([off(8, 96)], b'payload!', flags=1),
    'slice-signal': message([off(8, 96)], b'payload!', flags=4, cookie=1),
    'slice-signal-filter': message([off(8, 96)], b'payload!', flags=4, cookie=2),
    'slice-name-add': message([change(0x8000, b'a.b\0')], src=0),
    'slice-name-remove': message([change(0x8001, b'a.b\0')], src=0),
    'slice-name-change': message([change(0x8002, b'a.b\0')], src=0),
    'slice-name-without-end': message([change(0x8002, b'a.b')], src=0),
    'slice-name-short': message([item(0x8002, bytes(24))], src=0),
    'slice-id-add': message([item(0x8003, bytes(16))], src=0),
    'slice-id-remove': message([item(0x8004, bytes(16))], src=0),
    'slice-id-short': message([item(0x8004, bytes(8))], src=0),
    'slice-dead': message([item(0x8006, b'')], src=0),
    'slice-timeout': message([item(0x8005, b'')], src=0),
    'slice-nothing': message([], src=0),
    'slice-metadata-first': message([item(0x1000, bytes(24))], src=0),
    'slice-short': b'\xff' + bytes(56),
    'slice-size': message([], size=72),
    'slice-item-size': message([struct.pack('=QQ', 15, 3)]),
}


def main():
    directory = sys.argv[1]
    os.makedirs(directory, exist_ok=True)
    for name, seed in {**PROGRAMS, **SLICES}.items():
        with open(os.path.join(directory, name), 'wb') as file:
            file.write(seed)


main()
