# SPDX-License-Identifier: LGPL-2.1-or-later
check_LIBRARIES += libpolicytest.a
libpolicytest_a_SOURCES = \
	%D%/dump.c %D%/dump.h \
	%D%/memory-files.c %D%/memory-files.h

POLICY_TEST_LIBS = libpolicytest.a libpolicy.a libtap.a $(EXPAT_LIBS)

check_PROGRAMS += test-rule
test_rule_SOURCES = %D%/test-rule.c
test_rule_LDADD = $(POLICY_TEST_LIBS)
TESTS += test-rule

check_PROGRAMS += test-config
test_config_SOURCES = %D%/test-config.c
test_config_LDADD = $(POLICY_TEST_LIBS)
TESTS += test-config

check_PROGRAMS += test-config-include
test_config_include_SOURCES = %D%/test-config-include.c
test_config_include_LDADD = $(POLICY_TEST_LIBS)
TESTS += test-config-include
