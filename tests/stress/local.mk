# SPDX-License-Identifier: LGPL-2.1-or-later
# The core with real locks under many threads.  "make check" runs it for a moment,
# "make check-stress" with ThreadSanitizer and with AddressSanitizer, each in a build of
# its own, for STRESS_SECONDS.
check_PROGRAMS += stress-core
stress_core_SOURCES = %D%/stress-core.c
stress_core_CPPFLAGS = -DSHIM_THREADS $(SHIM_CPPFLAGS) $(AM_CPPFLAGS)
stress_core_LDADD = libkdbus-threads.a libbase.a
TESTS += stress-core

STRESS_SECONDS = 60

check-stress:
	$(AM_V_at)for flavour in thread address,undefined; do \
		$(MKDIR_P) stress-$$flavour || exit; \
		test -f stress-$$flavour/Makefile || { cd stress-$$flavour && \
			'$(abs_top_srcdir)/configure' -q --enable-sanitizers=$$flavour && cd ..; } || exit; \
		$(MAKE) -C stress-$$flavour stress-core || exit; \
		echo "$$flavour:"; \
		stress-$$flavour/stress-core $(STRESS_SECONDS) || exit; \
	done

.PHONY: check-stress
