# SPDX-License-Identifier: LGPL-2.1-or-later
# Tests that others wrote, from Debian's packages: see run-suite.py.  Not part of
# "make check": run-tests runs them once, on the release.
EXTRA_DIST += %D%/run-suite.py
SUITE_DAEMON = $(abs_builddir)/bus-proxyd$(EXEEXT)
# of all of them together
SUITE_SECONDS = 300
run_suite = $(PYTHON3) $(srcdir)/%D%/run-suite.py $(SUITE_DAEMON) --limit=$(SUITE_SECONDS) \
	--results=suites

check-suites: $(bin_PROGRAMS)
	$(AM_V_at)$(run_suite) dbus dbusmock glib || test $$? = 77

check-dbus-suite: $(bin_PROGRAMS)
	$(AM_V_at)$(run_suite) dbus || test $$? = 77

check-dbusmock-suite: $(bin_PROGRAMS)
	$(AM_V_at)$(run_suite) dbusmock || test $$? = 77

check-glib-suite: $(bin_PROGRAMS)
	$(AM_V_at)$(run_suite) glib || test $$? = 77

# where the bus is in the kernel: check-kernel-suite
EXTRA_DIST += %D%/kernel.expected

# with a proxy process for each client; what fails then and may is in that file
per_client_expected = %D%/per-client.expected
EXTRA_DIST += $(per_client_expected)
check-per-client-suite: $(bin_PROGRAMS) tests/conformance/per-client-bus
	$(AM_V_at)$(run_suite)-per-client dbus glib --wrapper=tests/conformance/per-client-bus \
		--expected=$(srcdir)/$(per_client_expected) || test $$? = 77

.PHONY: check-suites check-dbus-suite check-dbusmock-suite check-glib-suite check-per-client-suite
