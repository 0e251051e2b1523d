#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The launch helper as it is installed: setuid root, for the group of the bus, with
# the path of its configuration compiled in.
#
# For root.  Configuration, service files and users are those of a mount namespace.
# BP_SUBJECT=reference runs it on dbus-daemon-launch-helper.
set -u
: "${top_builddir:?}"
reference=/usr/lib/dbus-1.0/dbus-daemon-launch-helper
# shellcheck source=tests/harness/tap.sh
. "${top_srcdir:?}/tests/harness/tap.sh"

if [ -z "${IN_NAMESPACE-}" ]; then
    [ "$(id -u)" = 0 ] || skip_all "only root can make a program setuid"
    for tool in unshare setpriv prlimit; do
        command -v $tool >/dev/null || skip_all "no $tool"
    done
    [ -d /usr/share/dbus-1 ] || skip_all "no /usr/share/dbus-1"
    [ "${BP_SUBJECT-}" != reference ] || [ -u $reference ] || skip_all "no $reference"
    unshare --mount true 2>/dev/null || skip_all "namespaces cannot be made here"
    export IN_NAMESPACE=1
    exec unshare --mount "$0"
fi

# is NAME OUTPUT WANTED
is() {
    [ "$2" = "$3" ]
    result $? "$1" "got: $2
wanted: $3"
}

is_reference() {
    [ "${BP_SUBJECT-}" = reference ]
}

# as USER GROUP COMMAND...
as() {
    user=$1 group=$2
    shift 2
    setpriv --reuid="$user" --regid="$group" --clear-groups -- "$@"
}

bus() {
    as bp-bus bp-bus "$@"
}

# service NAME EXEC USER
service() {
    printf '[D-BUS Service]\nName=%s\nExec=%s\nUser=%s\n' "$1" "$2" "$3" \
        >"/usr/share/dbus-1/bp-services/$1.service"
}

# config ELEMENT...
config() {
    echo "<busconfig><type>system</type>$*
        <servicedir>/usr/share/dbus-1/bp-services</servicedir></busconfig>" \
        >/usr/share/dbus-1/system.conf
}

# exits STATUS NAME COMMAND...
exits() {
    wanted=$1 name=$2
    shift 2
    output=$("$@" 2>&1)
    status=$?
    [ $status -eq "$wanted" ]
    result $? "$name" "status $status: $output"
}

# what it finds: nothing of this machine's
mount -t tmpfs -o mode=755 tmpfs /usr/share/dbus-1 || skip_all "nothing can be mounted here"
[ ! -d /usr/local/share/dbus-1 ] || mount -t tmpfs -o mode=755 tmpfs /usr/local/share/dbus-1
mkdir /usr/share/dbus-1/bp-services /usr/share/dbus-1/bp-bin /usr/share/dbus-1/bp-etc
etc=/usr/share/dbus-1/bp-etc
cat >$etc/passwd <<END
root:x:0:0:root:/root:/bin/sh
bp-bus:x:54320:54320::/nonexistent:/bin/false
bp-user:x:54321:54321::/nonexistent:/bin/false
END
cat >$etc/group <<END
root:x:0:
bp-bus:x:54320:
bp-user:x:54321:
bp-more:x:54322:bp-user
bp-most:x:54323:bp-bus,bp-user
END
mount --bind $etc/passwd /etc/passwd
mount --bind $etc/group /etc/group

helper=/usr/share/dbus-1/bp-bin/helper
if is_reference; then
    cp $reference $helper
else
    cp "$top_builddir/bus-proxyd-launch-helper" $helper
fi
cp $helper $helper-plain
chown root:bp-bus $helper $helper-plain
chmod 4750 $helper
chmod 750 $helper-plain
# set-user-ID programs of tests and of the sanitizers' libraries do not mix
if ldd $helper | grep -q -e libasan -e libtsan; then
    skip_all "with a sanitizer it is no setuid program"
fi

config '<user>bp-bus</user>'
service t.user /usr/bin/id bp-user
service t.status '/bin/grep -E "^(Uid|Gid|Cap(Prm|Eff|Inh|Amb))" /proc/self/status' bp-user
service t.root '/bin/sh -c "id -u; id -g; id -G"' root
service t.env /usr/bin/env bp-user

is "the service has its user and all of that user's groups" "$(bus $helper t.user 2>&1)" \
    "uid=54321(bp-user) gid=54321(bp-user) groups=54321(bp-user),54322(bp-more),54323(bp-most)"
is "nothing of root is left" "$(bus $helper t.status 2>&1)" "\
Uid:	54321	54321	54321	54321
Gid:	54321	54321	54321	54321
CapInh:	0000000000000000
CapPrm:	0000000000000000
CapEff:	0000000000000000
CapAmb:	0000000000000000"
if is_reference; then
    result 0 "inheritable capabilities are not inherited # SKIP dbus-daemon-launch-helper passes them on"
else
    is "inheritable capabilities are not inherited" "$(setpriv --inh-caps=+chown,+setuid \
        --reuid=bp-bus --regid=bp-bus --clear-groups $helper t.status 2>&1 | grep -e CapInh)" \
        "CapInh:	0000000000000000"
fi
is "a service of root's has none of the bus' groups" "$(bus $helper t.root 2>&1)" "0
0
0"
is "the dynamic linker is told nothing, and the service neither" "$(bus env -i \
    LD_PRELOAD=/nonexistent.so LD_AUDIT=/nonexistent.so LD_DEBUG=all LD_LIBRARY_PATH=/tmp \
    DBUS_STARTER_ADDRESS=x DBUS_STARTER_BUS_TYPE=session DBUS_SYSTEM_BUS_ADDRESS=x PATH=/tmp \
    GCONV_PATH=/tmp MALLOC_TRACE=/tmp/trace TZ=/tmp/x HOME=/ $helper t.env 2>&1 | sort)" "\
DBUS_STARTER_ADDRESS=unix:path=/run/dbus/system_bus_socket
DBUS_STARTER_BUS_TYPE=system"

exits 7 "root is not the bus" $helper t.user
exits 7 "another user is not the bus" as bp-user bp-bus $helper t.user
exits 126 "who is not in its group cannot execute it" as bp-user bp-user sh -c "$helper t.user"
exits 7 "not setuid" bus $helper-plain t.user
exits 7 "setuid without effect" bus setpriv --no-new-privs $helper t.user
exits 7 "root in a user namespace is not root" \
    bus unshare --user --map-root-user $helper t.user

if is_reference; then
    result 0 "limits do not reach the service # SKIP dbus-daemon-launch-helper passes them on"
    result 0 "the others are those of the first process # SKIP dbus-daemon-launch-helper passes them on"
    result 0 "nor do hard ones # SKIP dbus-daemon-launch-helper passes them on"
    result 0 "descriptors do not reach the service # SKIP dbus-daemon-launch-helper passes them on"
else
    # the soft limits; their hard ones may be as this machine has them
    service t.limits '/bin/sh -c "ulimit -t; ulimit -f; ulimit -s; ulimit -c; ulimit -n"' root
    is "limits do not reach the service" "$(bus prlimit --cpu=1000: --fsize=0: --stack=1000000: \
        --nofile=20: $helper t.limits 2>&1 | tr '\n' ' ')" "unlimited unlimited 8192 0 1024 "
    service t.limits '/bin/cat /proc/self/limits' root
    more='^Max (processes|file locks|pending signals|msgqueue|realtime)'
    is "the others are those of the first process" \
        "$(bus prlimit --nproc=3: --locks=1: --sigpending=2: --msgqueue=4: --rttime=5: \
            $helper t.limits 2>&1 | grep -E "$more" | cut -c 1-46)" \
        "$(grep -E "$more" /proc/1/limits | cut -c 1-46)"
    if prlimit --nofile=524288:524288 --core=unlimited true 2>/dev/null; then
        service t.limits '/bin/sh -c "ulimit -Ht; ulimit -Hf; ulimit -Hs; ulimit -Hc; ulimit -Hn"' root
        is "nor do hard ones" "$(bus prlimit --cpu=1000 --fsize=0 --stack=1000000 --core=0 \
            --nofile=20 $helper t.limits 2>&1 | tr '\n' ' ')" \
            "unlimited unlimited unlimited unlimited 524288 "
    else
        result 0 "nor do hard ones # SKIP root may not raise them here"
    fi
    service t.fds '/bin/ls /proc/self/fd' bp-user
    is "descriptors do not reach the service" "$(bus $helper t.fds 2>&1 7</dev/null 9</ | tr '\n' ' ')" \
        "0 1 2 3 "
fi

service t.nouser /bin/true bp-nosuch
service t.exec /nonexistent bp-user
service t.data /etc/passwd bp-user
service t.private "$helper-private" bp-user
service t.quotes "/bin/true '" bp-user
service t.other /bin/true bp-user
service t.exits '/bin/sh -c "exit 42"' bp-user
sed -i s/t.other/t.another/ /usr/share/dbus-1/bp-services/t.other.service
printf '[D-BUS Service]\nName=t.file\nExec=/bin/true\n' >/usr/share/dbus-1/bp-services/t.file.service
printf '#!/bin/sh\n' >$helper-private
chmod 700 $helper-private

exits 1 "exit 1: no User" bus $helper t.file
exits 4 "exit 4: no such user" bus $helper t.nouser
exits 5 "exit 5: no bus name" bus $helper ../bp-services/t.user
exits 6 "exit 6: no such service" bus $helper t.none
exits 8 "exit 8: the file of another name" bus $helper t.other
exits 9 "exit 9: no such program" bus $helper t.exec
exits 9 "exit 9: not executable" bus $helper t.data
exits 9 "exit 9: the service's user may not execute it" bus $helper t.private
exits 10 "exit 10: quotes do not match" bus $helper t.quotes
exits 42 "the service's status" bus $helper t.exits
exits 0 "not one argument" bus $helper t.user t.user

config
exits 7 "a bus without <user> has nobody to start services" bus $helper t.user
config '<user>bp-user</user>'
exits 7 "the user of the configuration counts" bus $helper t.user
config '<user>root</user>'
exits 0 "root if the bus is root's" $helper t.user
if is_reference; then
    result 0 "exit 3: no configuration # SKIP dbus-daemon-launch-helper exits with 1"
else
    rm /usr/share/dbus-1/system.conf
    exits 3 "exit 3: no configuration" bus $helper t.user
fi

finish
