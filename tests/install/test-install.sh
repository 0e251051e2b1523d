#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# "make install" into an empty directory, with and without the name dbus-daemon.
# What the makefile was configured with does not matter: its variable is given.
top_builddir=${top_builddir:?}
dir=$(mktemp -d "${TMPDIR:-/tmp}/bp-install-XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
# not those of the make that runs the tests
unset MAKEFLAGS MFLAGS MAKELEVEL
# shellcheck source=tests/harness/tap.sh
. "${top_srcdir:?}/tests/harness/tap.sh"

# install TARGET YES-OR-NO
install() {
    make -C "$top_builddir" -s "$1" DESTDIR="$dir" enable_dbus_daemon_name="$2" \
        >"$dir.log" 2>&1 || {
        sed 's/^/# /' "$dir.log"
        return 1
    }
}

# found NAME: where it was installed
found() {
    find "$dir" ! -type d -name "$1" | head -n 1
}

# serves PROGRAM: a client of the bus that it is gets an answer
serves() {
    if ! command -v dbus-run-session >/dev/null || ! command -v dbus-send >/dev/null; then
        echo "# no dbus-run-session or dbus-send"
        return 0
    fi
    timeout 60 dbus-run-session --dbus-daemon="$1" --config-file="$top_srcdir/conf/session.conf" \
        -- dbus-send --session --print-reply --dest=org.freedesktop.DBus / \
        org.freedesktop.DBus.Peer.Ping >"$dir.log" 2>&1 || {
        sed 's/^/# /' "$dir.log"
        return 1
    }
}

install install no
result $? installs
[ -x "$(found bus-proxyd)" ] && [ -f "$(found bus-proxyd.8)" ] && [ -f "$(found session.conf)" ]
result $? program_manual_and_configuration
# what the files name is where they say, and has the rights that the package gives it later
helper=$(sed -n 's|.*<servicehelper>\(.*\)</servicehelper>.*|\1|p' "$(found system.conf)")
[ -n "$helper" ] && [ -x "$dir$helper" ] && [ ! -u "$dir$helper" ]
result $? the_helper_that_the_system_bus_names
status=0
for unit in bus-proxyd-owner.service bus-proxyd-per-client@.service; do
    program=$(sed -n 's|^ExecStart=[-@:+!]*\([^ ]*\).*|\1|p' "$(found "$unit")")
    [ -n "$program" ] && [ -x "$dir$program" ] || status=1
done
result $status the_programs_that_units_name
# a path that is compiled in is one of those that the bus and its helper look at
grep -aqF "$(found system.conf | sed "s|^$dir||")" "$(found bus-proxyd)" &&
    grep -aqF "$(found system.conf | sed "s|^$dir||")" "$(found bus-proxyd-launch-helper)"
result $? the_configuration_that_is_compiled_in
[ -z "$(found 'dbus-daemon*')" ]
result $? no_other_name_unless_asked_for
install install yes
result $? installs_over_itself
link=$(found dbus-daemon)
[ -n "$link" ] && [ "$(readlink -f "$link")" = "$(found bus-proxyd)" ] &&
    "$link" --version | grep -q '^bus-proxyd '
result $? the_name_dbus_daemon
[ "$(cat "$(found dbus-daemon.1)")" = ".so man8/bus-proxyd.8" ]
result $? manual_of_that_name
serves "$link"
result $? serves_under_that_name
install uninstall yes && [ -z "$(find "$dir" ! -type d)" ]
result $? uninstalls_everything
rm -f "$dir.log"
finish
