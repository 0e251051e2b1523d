# SPDX-License-Identifier: LGPL-2.1-or-later
check_LIBRARIES += libdrivertest.a
libdrivertest_a_SOURCES = %D%/driver-util.c %D%/driver-util.h

driver_test_LIBS = libdrivertest.a libdriver.a libwire.a libkdbus.a libbase.a libtap.a

check_PROGRAMS += test-driver
test_driver_SOURCES = %D%/test-driver.c
test_driver_LDADD = $(driver_test_LIBS)
TESTS += test-driver
