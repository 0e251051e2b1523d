# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += test-list
test_list_SOURCES = %D%/test-list.c
test_list_LDADD = libtap.a
TESTS += test-list

check_PROGRAMS += test-siphash
test_siphash_SOURCES = %D%/test-siphash.c
test_siphash_LDADD = libbase.a libtap.a
TESTS += test-siphash

check_PROGRAMS += test-creds
test_creds_SOURCES = %D%/test-creds.c
test_creds_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_creds_LDADD = libbase.a libtap.a libfault.a
TESTS += test-creds

check_PROGRAMS += test-htable
test_htable_SOURCES = %D%/test-htable.c
test_htable_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_htable_LDADD = libbase.a libtap.a libfault.a
TESTS += test-htable

check_PROGRAMS += test-log
test_log_SOURCES = %D%/test-log.c
test_log_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_log_LDADD = libbase.a libtap.a libfault.a
TESTS += test-log
