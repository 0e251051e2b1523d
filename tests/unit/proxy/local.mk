# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += test-options
test_options_SOURCES = %D%/test-options.c
test_options_LDADD = libproxy.a libtap.a
TESTS += test-options

check_PROGRAMS += test-inbound
test_inbound_SOURCES = %D%/test-inbound.c
test_inbound_LDADD = libproxy.a libwire.a libbase.a libtap.a
TESTS += test-inbound

check_PROGRAMS += test-loop
test_loop_SOURCES = %D%/test-loop.c
test_loop_LDADD = libproxy.a libtap.a
TESTS += test-loop

check_PROGRAMS += test-outbound
test_outbound_SOURCES = %D%/test-outbound.c
test_outbound_LDADD = libproxy.a libwire.a libbase.a libtap.a
TESTS += test-outbound
