# SPDX-License-Identifier: LGPL-2.1-or-later
# programs written for kdbusfs, under kdbus-run
native_tests = \
	%D%/test-native \
	%D%/test-native-hostile \
	%D%/test-native-lies \
	%D%/test-native-monitor \
	%D%/test-native-policy
check_PROGRAMS += %D%/native-peer $(native_tests)
TESTS += $(native_tests) %D%/test-tools.sh
dist_check_SCRIPTS += %D%/test-tools.sh
native_stage = %D%/stage.c %D%/stage.h
%C%_native_peer_LDADD = libcommand.a libharness.a libtap.a
%C%_test_native_SOURCES = %D%/test-native.c $(native_stage)
%C%_test_native_LDADD = libharness.a libtap.a
%C%_test_native_policy_SOURCES = %D%/test-native-policy.c $(native_stage)
%C%_test_native_policy_LDADD = libharness.a libtap.a
%C%_test_native_lies_SOURCES = %D%/test-native-lies.c $(native_stage)
%C%_test_native_lies_LDADD = libharness.a libtap.a
%C%_test_native_monitor_SOURCES = %D%/test-native-monitor.c $(native_stage)
%C%_test_native_monitor_LDADD = libharness.a libtap.a
%C%_test_native_hostile_SOURCES = %D%/test-native-hostile.c $(native_stage)
%C%_test_native_hostile_LDADD = libharness.a libtap.a
