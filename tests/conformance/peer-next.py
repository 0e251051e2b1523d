#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A peer of test-libraries on dbus-next; what a peer does is told there."""

import asyncio
import logging
import os
import sys

from dbus_next import DBusError, Message, MessageType, Variant
from dbus_next.aio import MessageBus
from dbus_next.service import ServiceInterface, method, signal

INTERFACE = "org.example.Peer"
kind = sys.argv[1]
# it logs the errors that methods answer with
logging.disable(logging.CRITICAL)


class Peer(ServiceInterface):
    @method()
    def Echo(self, text: "s", value: "v", more: "a{sv}") -> "sva{sv}":
        return [text + " from " + kind, value, more]

    @method()
    def Write(self, fd: "h"):
        os.write(fd, ("written by " + kind).encode())
        os.close(fd)

    @method()
    def Open(self) -> "h":
        read_end, write_end = os.pipe()
        os.write(write_end, ("opened by " + kind).encode())
        os.close(write_end)
        return read_end

    @method()
    def Fail(self):
        raise DBusError("org.example.Error.Failed", "failed by " + kind)

    @signal()
    def Said(self, who, text) -> "ss":
        return [who, text]


async def call(to, member, signature="", body=(), fds=()):
    reply = await bus.call(Message(destination="org.example.Peer." + to, path="/peer",
                                   interface=INTERFACE, member=member, signature=signature,
                                   body=list(body), unix_fds=list(fds)))
    if reply.message_type == MessageType.ERROR:
        raise DBusError(reply.error_name, reply.body[0])
    return reply


async def run(words):
    if words[0] == "emit":
        peer.Said(kind, words[1])
        return "emitted"
    if words[0] == "call":
        more = {"list": Variant("ai", [1, 2, 3]), "text": Variant("s", words[2])}
        text, value, back = (await call(words[1], "Echo", "sva{sv}",
                                        [words[2], Variant("u", 77), more])).body
        return text if value == Variant("u", 77) and back == more else "changed"
    if words[0] == "fd":
        read_end, write_end = os.pipe()
        await call(words[1], "Write", "h", [0], [write_end])
        os.close(write_end)
        return os.read(read_end, 100).decode()
    if words[0] == "open":
        return os.read((await call(words[1], "Open")).unix_fds[0], 100).decode()
    try:
        await call(words[1], "Fail")
    except DBusError as e:
        return e.type + " " + e.text
    return "no error"


async def read_commands():
    while True:
        line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        if not line:
            return
        try:
            print(await run(line.split()), flush=True)
        except Exception as e:
            print("exception", repr(e), flush=True)


def hear(message):
    if message.message_type == MessageType.SIGNAL and message.member == "Said":
        print("heard", *message.body, flush=True)


async def main():
    global bus, peer
    bus = await MessageBus(bus_address=sys.argv[2], negotiate_unix_fd=True).connect()
    peer = Peer(INTERFACE)
    bus.export("/peer", peer)
    bus.add_message_handler(hear)
    await bus.call(Message(destination="org.freedesktop.DBus", path="/org/freedesktop/DBus",
                           interface="org.freedesktop.DBus", member="AddMatch", signature="s",
                           body=[f"type='signal',interface='{INTERFACE}'"]))
    await bus.request_name("org.example.Peer." + kind)
    print("ready", flush=True)
    await read_commands()
    bus.disconnect()


asyncio.run(main())
