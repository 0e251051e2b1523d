# SPDX-License-Identifier: LGPL-2.1-or-later
# programs written for kdbusfs, under kdbus-run
check_PROGRAMS += %D%/native-peer %D%/test-native
TESTS += %D%/test-native %D%/test-tools.sh
dist_check_SCRIPTS += %D%/test-tools.sh
%C%_native_peer_LDADD = libharness.a libtap.a
%C%_test_native_LDADD = libharness.a libtap.a
