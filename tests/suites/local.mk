# SPDX-License-Identifier: LGPL-2.1-or-later
# Tests that others wrote, from Debian's packages: see run-suite.py.  Not part of
# "make check": they want packages that are not installed for them.
EXTRA_DIST += %D%/run-suite.py
SUITE_DAEMON = $(abs_builddir)/bus-proxyd$(EXEEXT)

check-dbus-suite: $(bin_PROGRAMS)
	$(AM_V_at)$(PYTHON3) $(srcdir)/%D%/run-suite.py dbus $(SUITE_DAEMON) || test $$? = 77

check-glib-suite: $(bin_PROGRAMS)
	$(AM_V_at)$(PYTHON3) $(srcdir)/%D%/run-suite.py glib $(SUITE_DAEMON) || test $$? = 77

.PHONY: check-dbus-suite check-glib-suite
