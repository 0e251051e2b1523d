#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What validates could run inside the kernel: its objects need nothing from
# outside but memcpy() and friends, and neither do the readers and the relay.
echo 1..1
cd "${top_builddir:-.}" || exit 1
command -v nm >/dev/null || { echo "ok 1 # SKIP no nm"; exit 0; }
set --
for file in header body names utf8 signature relay reader; do
    set -- "$@" "proxy/wire-$file.o"
done
missing=$(nm -u "$@" | sed -n 's/^ *U //p' | sort -u)
defined=$(nm --defined-only "$@" | sed -n 's/^[0-9a-f]* [TR] //p' | tr '\n' ' ')
case $missing in
*__asan_* | *__ubsan_* | *__tsan_* | *__gcov_* | *__llvm_* | *__sanitizer_*)
    echo "ok 1 # SKIP instrumented"
    exit 0
    ;;
esac
status=ok
for symbol in $missing; do
    case " $defined memcpy memcmp memset memmove __stack_chk_fail " in
    *" $symbol "*) ;;
    *)
        echo "# needs $symbol"
        status="not ok"
        ;;
    esac
done
echo "$status 1 - no libc but mem*()"
