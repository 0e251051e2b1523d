# SPDX-License-Identifier: LGPL-2.1-or-later
# Verdicts beside those of dbus-daemon.  The evaluator is compiled once more, with
# mistakes that a variable turns on.
check_PROGRAMS += test-policy-differential
test_policy_differential_SOURCES = \
	%D%/generate.c %D%/generate.h \
	%D%/mutation.h \
	%D%/random.h \
	%D%/reference.c %D%/reference.h \
	%D%/test-policy-differential.c \
	policy-parser/policy-eval.c
test_policy_differential_CPPFLAGS = $(AM_CPPFLAGS) -include $(top_srcdir)/%D%/mutation.h
test_policy_differential_LDADD = libharness.a libpolicy.a libbase.a libtap.a $(EXPAT_LIBS)
TESTS += test-policy-differential

.PHONY: check-policy-differential
check-policy-differential: test-policy-differential
	POLICY_DIFFERENTIAL=1000 ./test-policy-differential

check_PROGRAMS += test-policy-soundness
test_policy_soundness_SOURCES = \
	%D%/generate.c %D%/generate.h \
	%D%/random.h \
	%D%/test-policy-soundness.c
test_policy_soundness_LDADD = libpolicytest.a libpolicy.a libbase.a libtap.a $(EXPAT_LIBS)
TESTS += test-policy-soundness

dist_check_SCRIPTS += %D%/test-bus-policy-check.py
TESTS += %D%/test-bus-policy-check.py

check_PROGRAMS += test-policy-index
test_policy_index_SOURCES = \
	%D%/generate.c %D%/generate.h \
	%D%/random.h \
	%D%/test-policy-index.c
test_policy_index_LDADD = libpolicytest.a libpolicy.a libbase.a libtap.a $(EXPAT_LIBS)
TESTS += test-policy-index

dist_check_SCRIPTS += %D%/test-policy-packages.py
TESTS += %D%/test-policy-packages.py
EXTRA_DIST += tests/data/policies
