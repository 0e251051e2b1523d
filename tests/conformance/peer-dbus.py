#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A peer of test-libraries on python3-dbus; what a peer does is told there."""

import os
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

INTERFACE = "org.example.Peer"
kind = sys.argv[1]


class Peer(dbus.service.Object):
    @dbus.service.method(INTERFACE, in_signature="sva{sv}", out_signature="sva{sv}")
    def Echo(self, text, value, more):
        return text + " from " + kind, value, more

    @dbus.service.method(INTERFACE, in_signature="h", out_signature="")
    def Write(self, file):
        fd = file.take()
        os.write(fd, ("written by " + kind).encode())
        os.close(fd)

    @dbus.service.method(INTERFACE, in_signature="", out_signature="h")
    def Open(self):
        read_end, write_end = os.pipe()
        os.write(write_end, ("opened by " + kind).encode())
        os.close(write_end)
        file = dbus.types.UnixFd(read_end)
        os.close(read_end)
        return file

    @dbus.service.method(INTERFACE, in_signature="", out_signature="")
    def Fail(self):
        raise dbus.DBusException("failed by " + kind, name="org.example.Error.Failed")

    @dbus.service.signal(INTERFACE, signature="ss")
    def Said(self, who, text):
        pass


def run(words):
    if words[0] == "emit":
        peer.Said(kind, words[1])
        return "emitted"
    remote = dbus.Interface(bus.get_object("org.example.Peer." + words[1], "/peer"), INTERFACE)
    if words[0] == "call":
        more = {"list": dbus.Array([1, 2, 3], signature="i"), "text": words[2]}
        text, value, back = remote.Echo(words[2], dbus.UInt32(77), more,
                                        signature="sva{sv}")
        if value != 77 or list(back["list"]) != [1, 2, 3] or back["text"] != words[2]:
            return "changed"
        return text
    if words[0] == "fd":
        read_end, write_end = os.pipe()
        remote.Write(dbus.types.UnixFd(write_end), signature="h")
        os.close(write_end)
        return os.read(read_end, 100).decode()
    if words[0] == "open":
        fd = remote.Open().take()
        return os.read(fd, 100).decode()
    try:
        remote.Fail()
    except dbus.DBusException as e:
        return e.get_dbus_name() + " " + e.get_dbus_message()
    return "no error"


def read_command(*unused):
    line = sys.stdin.readline()
    if not line:
        loop.quit()
        return False
    try:
        print(run(line.split()), flush=True)
    except Exception as e:
        print("exception", repr(e), flush=True)
    return True


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.bus.BusConnection(sys.argv[2])
name = dbus.service.BusName("org.example.Peer." + kind, bus, do_not_queue=True)
peer = Peer(bus, "/peer")
bus.add_signal_receiver(lambda who, text: print("heard", who, text, flush=True), "Said", INTERFACE)
loop = GLib.MainLoop()
GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, read_command)
print("ready", flush=True)
loop.run()
