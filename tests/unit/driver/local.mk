# SPDX-License-Identifier: LGPL-2.1-or-later
check_LIBRARIES += libdrivertest.a
libdrivertest_a_SOURCES = %D%/driver-util.c %D%/driver-util.h

driver_test_LIBS = libdrivertest.a libdriver.a libwire.a libkdbus.a libbase.a libtap.a

check_PROGRAMS += test-driver
test_driver_SOURCES = %D%/test-driver.c \
	tests/unit/proxy/rule-text.c tests/unit/proxy/rule-text.h
test_driver_LDADD = $(driver_test_LIBS)
TESTS += test-driver

check_PROGRAMS += test-driver-info
test_driver_info_SOURCES = %D%/test-driver-info.c
test_driver_info_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_driver_info_LDADD = $(driver_test_LIBS) libfault.a
TESTS += test-driver-info

check_PROGRAMS += test-synthetic
test_synthetic_SOURCES = %D%/test-synthetic.c
test_synthetic_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_synthetic_LDADD = $(driver_test_LIBS) libfault.a
TESTS += test-synthetic
