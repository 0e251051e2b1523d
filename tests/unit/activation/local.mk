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

check_PROGRAMS += test-spawn
test_spawn_SOURCES = %D%/test-spawn.c
test_spawn_LDADD = libproxy.a libtap.a
TESTS += test-spawn

check_PROGRAMS += test-systemd
test_systemd_SOURCES = %D%/test-systemd.c
test_systemd_LDADD = libproxy.a libdriver.a libwire.a libkdbus.a libbase.a libtap.a
TESTS += test-systemd

# the launch helper, but with a configuration that is the test's, and without the checks that
# need root
launch_helper_test_folder = $(abs_top_builddir)/test-launch-helper.folder
check_PROGRAMS += launch-helper-for-test
launch_helper_for_test_SOURCES = $(launch_helper_sources)
launch_helper_for_test_CPPFLAGS = $(AM_CPPFLAGS) -DLAUNCH_HELPER_NEEDS_ROOT=0 \
	-DLAUNCH_HELPER_CONFIG='"$(launch_helper_test_folder)/system.conf"'
launch_helper_for_test_LDADD = $(launch_helper_ldadd)

check_PROGRAMS += test-launch-helper
test_launch_helper_SOURCES = %D%/test-launch-helper.c
test_launch_helper_CPPFLAGS = $(AM_CPPFLAGS) \
	-DHELPER='"$(abs_top_builddir)/launch-helper-for-test"' \
	-DFOLDER='"$(launch_helper_test_folder)"'
test_launch_helper_LDADD = libtap.a
TESTS += test-launch-helper

check_PROGRAMS += service-verdict
service_verdict_SOURCES = %D%/service-verdict.c
service_verdict_LDADD = libservice.a libpolicy.a libwire.a libbase.a $(EXPAT_LIBS)
dist_check_SCRIPTS += %D%/test-service-reference.py
TESTS += %D%/test-service-reference.py
