#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A sample of "make check-abi": all rows of the newer revision on a server in another process, and
# what has to do with descriptors and threads under kdbus-run.
cd "${top_builddir:?}" || exit 99
if [ "$(id -u)" != 0 ]; then
    echo "1..0 # SKIP only root can be other users"
    exit 0
fi
set --
for program in test-abi-*[a-z]; do
    case $program in
    *.*) ;;
    *) set -- "$@" "./$program" ;;
    esac
done
n=0
result() {
    sed 's/^/# /' "$out"
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
out=$(mktemp) || exit 99
trap 'rm -f "$out"' EXIT

"${PYTHON3:-python3}" "${top_srcdir:?}/tests/abi/rows.py" check --carrier remote --profile P2 \
    "$@" >"$out" 2>&1
result $? all_rows_on_the_remote_carrier
for program in test-abi-handle test-abi-reply test-abi-send; do
    # the library is not built with a sanitizer, the program may be
    ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0" ABI_PROFILE=P2 \
        ./abi-run "./$program" >"$out.all" 2>&1
    status=$?
    grep -B6 '^not ok' "$out.all" >"$out"
    rm -f "$out.all"
    result $status "$program under kdbus-run"
done
echo "1..$n"
