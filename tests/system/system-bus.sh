# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# shellcheck disable=SC2317,SC2034 # functions and variables for who reads this
# What the tests of the system bus have in common, to be read by them.
#
# They are for root.  It all happens in namespaces of its own (mounts, network, host
# name, processes): /run is empty, nothing leaves the machine, and whatever is still
# running at the end goes with it.  BP_SUBJECT=reference runs it on dbus-daemon.
set -u
: "${top_srcdir:?}" "${top_builddir:?}"
# shellcheck source=tests/harness/tap.sh
. "$top_srcdir/tests/harness/tap.sh"
user=nobody

if [ -z "${IN_NAMESPACE-}" ]; then
    [ "$(id -u)" = 0 ] || skip_all "only root can run a system bus"
    for tool in unshare setpriv dbus-send; do
        command -v $tool >/dev/null || skip_all "no $tool"
    done
    [ -e /usr/share/dbus-1/system.conf ] || skip_all "no /usr/share/dbus-1/system.conf"
    id messagebus >/dev/null 2>&1 || skip_all "no user messagebus"
    id $user >/dev/null 2>&1 || skip_all "no user $user"
    [ "${BP_SUBJECT-}" != reference ] || command -v dbus-daemon >/dev/null ||
        skip_all "no dbus-daemon"
    unshare --mount --net --uts --pid --fork --mount-proc true 2>/dev/null ||
        skip_all "namespaces cannot be made here"
    export IN_NAMESPACE=1
    exec unshare --mount --net --uts --pid --fork --kill-child --mount-proc "$0"
fi

# as WHO COMMAND...: root, user, or user+GROUP
as() {
    who=$1
    shift
    case $who in
    root) "$@" ;;
    user) setpriv --reuid="$user" --regid="$(id -g $user)" --clear-groups -- "$@" ;;
    user+*) setpriv --reuid="$user" --regid="$(id -g $user)" --groups="${who#user+}" -- "$@" ;;
    esac
}

# call WHO DESTINATION PATH METHOD [ARGUMENT...]
call() {
    who=$1 destination=$2 path=$3 method=$4
    shift 4
    as "$who" timeout 20 dbus-send --system --print-reply --reply-timeout=15000 \
        --dest="$destination" "$path" "$method" "$@" 2>&1
}

driver() {
    who=$1 method=$2
    shift 2
    call "$who" org.freedesktop.DBus /org/freedesktop/DBus "org.freedesktop.DBus.$method" "$@"
}

# allowed NAME PATTERN COMMAND...: it succeeds, and its output matches
allowed() {
    name=$1 pattern=$2
    shift 2
    if output=$("$@"); then
        printf '%s\n' "$output" | grep -q -e "$pattern"
    else
        false
    fi
    result $? "$name" "$output"
}

# refused NAME PATTERN COMMAND...: AccessDenied, and a text that matches
refused() {
    name=$1 pattern=$2
    shift 2
    if output=$("$@"); then
        result 1 "$name" "$output"
        return
    fi
    printf '%s\n' "$output" | grep -e 'org.freedesktop.DBus.Error.AccessDenied' |
        grep -q -e "$pattern"
    result $? "$name" "$output"
}

# start_bus CONFIGURATION OPTION...: returns when clients get through
start_bus() {
    config=$1
    shift
    # where the sockets of the bus lie is its own, as init scripts have it
    mkdir -p /run/dbus
    chown messagebus /run/dbus
    set -- --config-file="$config" --nosyslog "$@"
    case ${BP_SUBJECT-embedded} in
    reference) set -- dbus-daemon "$@" ;;
    pool) set -- "$top_builddir/bus-proxyd" --bus=embedded:pool "$@" ;;
    *) set -- "$top_builddir/bus-proxyd" "$@" ;;
    esac
    # the leak check traces its own process, which who has changed its user may not
    ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" "$@" 2>>/run/bus.log &
    bus=$!
    wait_for driver root GetId
}

# wait_for COMMAND...: until it succeeds
wait_for() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || return 1
        sleep 0.1
    done
}

has_owner() {
    driver root NameHasOwner "string:$1" | grep -q 'boolean true'
}

mount -t tmpfs -o mode=0755 none /run || exit 1
for dir in /var/lib/AccountsService /var/lib/udisks2 /etc/dbus-1/system.d; do
    [ ! -d $dir ] || mount -t tmpfs -o mode=0755 none $dir || exit 1
done
command -v ip >/dev/null && ip link set lo up
unset DBUS_SYSTEM_BUS_ADDRESS NOTIFY_SOCKET

