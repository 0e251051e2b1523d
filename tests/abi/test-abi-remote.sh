#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A sample of "make check-abi": all rows of the newer revision on a server in another process, and
# what has to do with descriptors and threads under kdbus-run.
cd "${top_builddir:?}" || exit 99
# shellcheck source=tests/harness/tap.sh
. "${top_srcdir:?}/tests/harness/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "only root can be other users"
set --
for program in test-abi-*[a-z]; do
    case $program in
    *.*) ;;
    *) set -- "$@" "./$program" ;;
    esac
done
out=$(mktemp) || exit 99
trap 'rm -f "$out"' EXIT

"${PYTHON3:-python3}" "$top_srcdir/tests/abi/rows.py" check --carrier remote --profile P2 \
    "$@" >"$out" 2>&1
result $? all_rows_on_the_remote_carrier "$(cat "$out")"
for program in test-abi-handle test-abi-reply test-abi-send; do
    # the library is not built with a sanitizer, the program may be
    ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0" ABI_PROFILE=P2 \
        ./abi-run "./$program" >"$out" 2>&1
    result $? "$program under kdbus-run" "$(grep -B6 '^not ok' "$out")"
done
finish
