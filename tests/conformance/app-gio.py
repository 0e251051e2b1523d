#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A GApplication as any other: org.example.App is its name and runs once.

It writes down in the file LOG what it is asked for: "activate", "open URI...",
and "add NUMBER SUM" for the action "add", whose sum is the state of "sum".  The
action "quit" ends it.
"""
import os
import sys

import gi
gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402  pylint: disable=wrong-import-position


class App(Gio.Application):
    def __init__(self):
        super().__init__(application_id="org.example.App",
                         flags=Gio.ApplicationFlags.HANDLES_OPEN)
        self.sum = Gio.SimpleAction.new_stateful("sum", None, GLib.Variant("i", 0))
        self.add_action(self.sum)
        for name, kind, run in (("add", "i", self.add), ("quit", None, self.end)):
            action = Gio.SimpleAction.new(name, kind and GLib.VariantType(kind))
            action.connect("activate", run)
            self.add_action(action)

    @staticmethod
    def say(*words):
        with open(os.environ["LOG"], "a", encoding="utf-8") as log:
            print(*words, file=log)

    def do_startup(self):
        Gio.Application.do_startup(self)
        self.hold()

    def do_activate(self):
        self.say("activate")

    def do_open(self, files, _n, _hint):
        self.say("open", *[file.get_uri() for file in files])

    def add(self, _action, number):
        self.sum.set_state(GLib.Variant("i", self.sum.get_state().unpack() + number.unpack()))
        self.say("add", number.unpack(), self.sum.get_state().unpack())

    def end(self, _action, _parameter):
        self.say("quit")
        self.release()
        self.quit()


sys.exit(App().run(sys.argv))
