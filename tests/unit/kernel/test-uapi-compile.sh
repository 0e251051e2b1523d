#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The kdbus header and its checks compile by themselves, without a warning, as
# C99, C11 and C++, whatever the flags of this build are.
set -u
root=${top_srcdir:-$(dirname "$0")/../../..}
flags="-pedantic -Wall -Wextra -Werror -fsyntax-only -I$root"
n=0
failed=0

# compile NAME LANGUAGE COMPILER...
compile()
{
    name=$1 language=$2
    shift 2
    n=$((n + 1))
    # shellcheck disable=SC2086 # $flags is a list of words
    if ! command -v "$1" >/dev/null 2>&1; then
        echo "ok $n - $name # SKIP no $1"
    elif printf '%s\n' '#include "tests/unit/kernel/uapi-check.h"' |
            "$@" $flags -x "$language" - 2>&1 | sed 's/^/# /' | grep .; then
        echo "not ok $n - $name"
        failed=1
    else
        echo "ok $n - $name"
    fi
}

echo 1..4
compile c99 c cc -std=c99
compile c11 c cc -std=c11
compile cxx11 c++ c++ -std=c++11
compile cxx17 c++ c++ -std=c++17
exit $failed
