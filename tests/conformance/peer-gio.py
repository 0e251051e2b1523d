#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A peer of test-libraries on GLib's Gio; what a peer does is told there."""

import os
import sys

from gi.repository import Gio, GLib

INTERFACE = "org.example.Peer"
XML = """<node><interface name="org.example.Peer">
<method name="Echo"><arg type="s" direction="in"/><arg type="v" direction="in"/>
<arg type="a{sv}" direction="in"/><arg type="s" direction="out"/><arg type="v" direction="out"/>
<arg type="a{sv}" direction="out"/></method>
<method name="Write"><arg type="h" direction="in"/></method>
<method name="Open"><arg type="h" direction="out"/></method>
<method name="Fail"/>
<signal name="Said"><arg type="s"/><arg type="s"/></signal>
</interface></node>"""
kind = sys.argv[1]


def answer(connection, sender, path, interface, method, parameters, invocation):
    if method == "Echo":
        text = parameters.get_child_value(0).get_string() + " from " + kind
        invocation.return_value(GLib.Variant.new_tuple(
            GLib.Variant("s", text), parameters.get_child_value(1),
            parameters.get_child_value(2)))
    elif method == "Write":
        fd = invocation.get_message().get_unix_fd_list().get(0)
        os.write(fd, ("written by " + kind).encode())
        os.close(fd)
        invocation.return_value(None)
    elif method == "Open":
        read_end, write_end = os.pipe()
        os.write(write_end, ("opened by " + kind).encode())
        os.close(write_end)
        fds = Gio.UnixFDList.new()
        fds.append(read_end)
        os.close(read_end)
        invocation.return_value_with_unix_fd_list(GLib.Variant("(h)", (0,)), fds)
    else:
        invocation.return_dbus_error("org.example.Error.Failed", "failed by " + kind)


def call(to, method, parameters=None, fds=None):
    return connection.call_with_unix_fd_list_sync(
        "org.example.Peer." + to, "/peer", INTERFACE, method, parameters, None,
        Gio.DBusCallFlags.NONE, 10000, fds, None)


def run(words):
    if words[0] == "emit":
        connection.emit_signal(None, "/peer", INTERFACE, "Said",
                               GLib.Variant("(ss)", (kind, words[1])))
        return "emitted"
    if words[0] == "call":
        more = {"list": GLib.Variant("ai", [1, 2, 3]), "text": GLib.Variant("s", words[2])}
        reply, _ = call(words[1], "Echo",
                        GLib.Variant("(sva{sv})", (words[2], GLib.Variant("u", 77), more)))
        text, value, back = reply.unpack()
        if value != 77 or back != {"list": [1, 2, 3], "text": words[2]}:
            return "changed"
        return text
    if words[0] == "fd":
        read_end, write_end = os.pipe()
        fds = Gio.UnixFDList.new()
        fds.append(write_end)
        os.close(write_end)
        call(words[1], "Write", GLib.Variant("(h)", (0,)), fds)
        del fds
        return os.read(read_end, 100).decode()
    if words[0] == "open":
        _, fds = call(words[1], "Open")
        return os.read(fds.get(0), 100).decode()
    try:
        call(words[1], "Fail")
    except GLib.Error as e:
        # "GDBus.Error:NAME: text"
        return Gio.DBusError.get_remote_error(e) + " " + e.message.split(": ", 1)[1]
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


connection = Gio.DBusConnection.new_for_address_sync(
    sys.argv[2],
    Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION,
    None, None)
interface = Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0]
connection.register_object("/peer", interface, answer, None, None)
connection.signal_subscribe(
    None, INTERFACE, "Said", None, None, Gio.DBusSignalFlags.NONE,
    lambda c, sender, path, i, member, parameters:
        print("heard", *parameters.unpack(), flush=True))
loop = GLib.MainLoop()
Gio.bus_own_name_on_connection(connection, "org.example.Peer." + kind,
                               Gio.BusNameOwnerFlags.DO_NOT_QUEUE,
                               lambda *unused: print("ready", flush=True),
                               lambda *unused: loop.quit())
GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, read_command)
loop.run()
