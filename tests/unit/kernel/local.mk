# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += test-uapi
test_uapi_SOURCES = %D%/test-uapi.c %D%/uapi-check.h
test_uapi_LDADD = libtap.a
TESTS += test-uapi

dist_check_SCRIPTS += %D%/test-uapi-compile.sh
TESTS += %D%/test-uapi-compile.sh
