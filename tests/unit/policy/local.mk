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

check_PROGRAMS += test-config-image
test_config_image_SOURCES = %D%/test-config-image.c
test_config_image_LDADD = libpolicytest.a libpolicy.a libbase.a libtap.a $(EXPAT_LIBS)
TESTS += test-config-image

check_PROGRAMS += test-config-include
test_config_include_SOURCES = %D%/test-config-include.c
test_config_include_LDADD = $(POLICY_TEST_LIBS)
TESTS += test-config-include

check_PROGRAMS += test-config-data
test_config_data_SOURCES = %D%/test-config-data.c
test_config_data_LDADD = $(POLICY_TEST_LIBS)
TESTS += test-config-data

check_PROGRAMS += config-verdict
config_verdict_SOURCES = %D%/config-verdict.c
config_verdict_LDADD = libpolicy.a $(EXPAT_LIBS)
dist_check_SCRIPTS += %D%/test-config-reference.py
TESTS += %D%/test-config-reference.py

EXTRA_DIST += tests/data/valid-configs tests/data/invalid-configs tests/data/equiv-configs

check_PROGRAMS += test-config-fault
test_config_fault_SOURCES = %D%/test-config-fault.c
test_config_fault_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_config_fault_LDADD = $(POLICY_TEST_LIBS) libfault.a
TESTS += test-config-fault

check_PROGRAMS += test-config-parts
test_config_parts_SOURCES = %D%/test-config-parts.c
test_config_parts_LDADD = $(POLICY_TEST_LIBS)
TESTS += test-config-parts

# verdicts
check_LIBRARIES += libpolicyfixture.a
libpolicyfixture_a_SOURCES = %D%/policy-fixture.c %D%/policy-fixture.h
POLICY_EVAL_TEST_LIBS = libpolicyfixture.a libpolicytest.a libpolicy.a libbase.a libtap.a \
	$(EXPAT_LIBS)

check_PROGRAMS += test-policy-eval
test_policy_eval_SOURCES = %D%/test-policy-eval.c
test_policy_eval_LDADD = $(POLICY_EVAL_TEST_LIBS)
TESTS += test-policy-eval

check_PROGRAMS += test-policy-compile
test_policy_compile_SOURCES = %D%/test-policy-compile.c
test_policy_compile_LDADD = $(POLICY_EVAL_TEST_LIBS)
TESTS += test-policy-compile

check_PROGRAMS += test-policy-identity
test_policy_identity_SOURCES = %D%/test-policy-identity.c
test_policy_identity_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_policy_identity_LDADD = $(POLICY_EVAL_TEST_LIBS) libfault.a
TESTS += test-policy-identity

check_PROGRAMS += test-policy-lint
test_policy_lint_SOURCES = %D%/test-policy-lint.c
test_policy_lint_LDADD = $(POLICY_EVAL_TEST_LIBS)
TESTS += test-policy-lint

check_PROGRAMS += test-policy-users
test_policy_users_SOURCES = %D%/test-policy-users.c
test_policy_users_LDADD = libpolicy.a libbase.a libtap.a $(EXPAT_LIBS)
TESTS += test-policy-users
