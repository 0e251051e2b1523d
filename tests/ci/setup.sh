# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# What quickstart and run-tests share: packages and builds.  To be sourced, with
# $top the top of the source tree and $me the name to speak under.  Everything
# is said on stderr; stdout belongs to the command that quickstart runs.
: "${top:?}" "${me:?}"

say() { echo "$me: $*" >&2; }
die() { say "$*"; exit 1; }

# packages_of GROUP...: the packages of the groups
packages_of() {
    for group; do
        sed -n "s/^$group	//p" "$top/tests/ci/packages"
    done
}

# missing_of PACKAGE...: those that are not installed
missing_of() {
    for package; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
        installed) ;;
        *) printf ' %s' "$package" ;;
        esac
    done
}

has_installed=

# need_packages GROUP...: installs what is missing of the groups, or dies
need_packages() {
    # shellcheck disable=SC2046 # a list of words
    set -- $(packages_of "$@")
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "this is no Debian: going on without a look at packages; Debian's names of them are:"
        say "  $*"
        return
    fi
    missing=$(missing_of "$@")
    [ -n "$missing" ] || return 0
    sudo=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null ||
            die "missing:$missing (install them as root: apt-get install$missing)"
        sudo=sudo
        say "installs through sudo:$missing"
    else
        say "installs:$missing"
    fi
    # shellcheck disable=SC2086 # $sudo and $missing are lists of words
    {
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 \
            update >&2 </dev/null || say "apt-get update failed: trying with the lists there are"
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 \
            install -y --no-install-recommends $missing >&2 </dev/null ||
            die "missing, and could not be installed:$missing"
    }
    has_installed=1
}

# logged FILE COMMAND...: the output goes to FILE, and is shown only on failure
logged() {
    log=$1
    shift
    "$@" >"$log" 2>&1 </dev/null && return
    tail -n 40 "$log" >&2
    die "failed: $* (all of it: $log)"
}

# build_tree DIR [CONFIGURE-ARGUMENT...]: configures DIR unless that is done
build_tree() {
    dir=$1
    shift
    mkdir -p "$dir" || die "cannot make $dir"
    if [ ! -x "$top/configure" ]; then
        say "generates configure"
        logged "$dir/autogen.log" "$top/autogen.sh"
    fi
    if [ ! -f "$dir/Makefile" ]; then
        say "configures $dir"
        (cd "$dir" && logged configure.log "$top/configure" "$@") || exit 1
    elif [ -n "$has_installed" ]; then
        say "configures $dir again, with what has been installed"
        (cd "$dir" && logged configure.log ./config.status --recheck &&
            logged configure.log ./config.status) || exit 1
    fi
}

# make_in DIR TARGET...: builds, with what make says as progress
make_in() {
    dir=$1
    shift
    make -s -C "$dir" -j "$(nproc 2>/dev/null || echo 2)" "$@" >&2 </dev/null ||
        die "the build in $dir failed"
}
