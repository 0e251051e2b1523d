#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# In the place of dbus-daemon: what others start by the name /usr/bin/dbus-daemon is
# this build's bus-proxyd, mounted over it.  dbus-launch, dbus-run-session, the init
# script of the system bus and the bus of assistive technologies do not notice.
#
# For root.  It all happens in namespaces of its own (mounts, processes), and whatever
# is still running at the end goes with them.  BP_SUBJECT=reference mounts nothing.
set -u
: "${top_srcdir:?}" "${top_builddir:?}"
# shellcheck source=tests/conformance/session.sh
. "$top_srcdir/tests/conformance/session.sh"
program=/usr/bin/dbus-daemon

if [ -z "${IN_NAMESPACE-}" ]; then
    [ "$(id -u)" = 0 ] || skip_all "only root can mount"
    [ -x $program ] || skip_all "no $program"
    for tool in unshare dbus-send gdbus; do
        command -v $tool >/dev/null || skip_all "no $tool"
    done
    unshare --mount --pid --fork --mount-proc true 2>/dev/null ||
        skip_all "namespaces cannot be made here"
    export IN_NAMESPACE=1
    exec unshare --mount --pid --fork --kill-child --mount-proc "$0"
fi

# in the session or on the system bus of the moment
get_id() {
    dbus-send "$1" --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetId
}

mount -t tmpfs -o mode=0755 none /run || exit 1
if [ "${BP_SUBJECT-}" != reference ]; then
    mount --bind "$top_builddir/bus-proxyd" $program || exit 1
fi
unset DBUS_SESSION_BUS_ADDRESS DBUS_SYSTEM_BUS_ADDRESS NOTIFY_SOCKET DISPLAY
# the leak check traces its own process, which who has changed its user may not
ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0"
XDG_RUNTIME_DIR=/run/user HOME=/run/home XDG_DATA_HOME=/run/home/share
export ASAN_OPTIONS XDG_RUNTIME_DIR HOME XDG_DATA_HOME
mkdir -m 700 $XDG_RUNTIME_DIR $HOME

check "dbus-run-session" '^method return' dbus-run-session -- dbus-send --session --print-reply \
    --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetId

if command -v dbus-launch >/dev/null; then
    launched=$(dbus-launch --sh-syntax)
    eval "$launched"
    result $? "dbus-launch starts a bus" "$launched"
    output=$(get_id --session 2>&1)
    result $? "... which answers" "$output"
    program_of=$(readlink "/proc/$DBUS_SESSION_BUS_PID/exe")
    [ "$program_of" = $program ]
    result $? "... and is the program of that name" "$program_of"
    kill "$DBUS_SESSION_BUS_PID"
    unset DBUS_SESSION_BUS_ADDRESS DBUS_SESSION_BUS_PID
else
    skip "dbus-launch" "no dbus-launch"
fi

# the init script, which finds the daemon by its program and its pid file
if [ -x /etc/init.d/dbus ] && [ -e /lib/lsb/init-functions ] && id messagebus >/dev/null 2>&1; then
    check "the init script starts the system bus" '' /etc/init.d/dbus start
    check "... finds it running" 'is running' /etc/init.d/dbus status
    check "... which answers" '^method return' dbus-send --system --print-reply \
        --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetId
    check "... has it reloaded" '' /etc/init.d/dbus reload
    # it waits until the daemon is gone, which this shell has to bury: without a subshell
    /etc/init.d/dbus stop >/run/output 2>&1
    result $? "... stops it" "$(cat /run/output)"
    fails "... finds it stopped" 'not running' /etc/init.d/dbus status
else
    skip "the init script" "no /etc/init.d/dbus"
fi

# a bus of its own, told to clients by a service of the session
launcher=/usr/libexec/at-spi-bus-launcher
if [ -x $launcher ]; then
    # shellcheck disable=SC2016 # for the shell in the session
    check "the bus of assistive technologies starts its registry" '^()' dbus-run-session -- sh -c '
        '$launcher' --launch-immediately & pid=$!
        gdbus wait --session --timeout 15 org.a11y.Bus || exit 1
        address=$(gdbus call --session -d org.a11y.Bus -o /org/a11y/bus \
            -m org.a11y.Bus.GetAddress | sed "s/^(.//; s/.,)\$//")
        gdbus call --address "$address" -d org.a11y.atspi.Registry \
            -o /org/a11y/atspi/accessible/root -m org.freedesktop.DBus.Peer.Ping
        kill $pid'
else
    skip "the bus of assistive technologies" "no at-spi2-core"
fi
finish
