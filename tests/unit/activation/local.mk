# SPDX-License-Identifier: LGPL-2.1-or-later
SERVICE_TEST_LIBS = libservice.a libpolicy.a libwire.a libbase.a libtap.a

check_PROGRAMS += test-service-file
test_service_file_SOURCES = %D%/test-service-file.c
test_service_file_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_service_file_LDADD = $(SERVICE_TEST_LIBS) libfault.a $(EXPAT_LIBS)
TESTS += test-service-file

check_PROGRAMS += test-service-exec
test_service_exec_SOURCES = %D%/test-service-exec.c
test_service_exec_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_service_exec_LDADD = $(SERVICE_TEST_LIBS) libfault.a
TESTS += test-service-exec

check_PROGRAMS += test-services
test_services_SOURCES = %D%/test-services.c
test_services_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_services_LDADD = libpolicytest.a $(SERVICE_TEST_LIBS) libfault.a $(EXPAT_LIBS)
TESTS += test-services

check_PROGRAMS += test-services-watch
test_services_watch_SOURCES = %D%/test-services-watch.c
test_services_watch_LDADD = libproxy.a libtap.a
TESTS += test-services-watch
