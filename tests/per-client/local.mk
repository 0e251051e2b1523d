# SPDX-License-Identifier: LGPL-2.1-or-later
# Many clients with a proxy process each, and proxies that are killed.  "make check" takes a
# sample.
per_client_programs = %D%/test-killed %D%/test-many
check_PROGRAMS += $(per_client_programs)
TESTS += $(per_client_programs)
%C%_test_killed_LDADD = libharness.a libtap.a
%C%_test_many_LDADD = libharness.a libtap.a

check-per-client: $(per_client_programs) $(bin_PROGRAMS) tests/conformance/per-client-bus greeter
	$(AM_V_at)export top_builddir='$(abs_top_builddir)' top_srcdir='$(abs_top_srcdir)' && \
		BP_MANY=500 %D%/test-many && BP_KILLS=200 %D%/test-killed

.PHONY: check-per-client
