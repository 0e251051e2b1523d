# SPDX-License-Identifier: LGPL-2.1-or-later
# what quickstart, run-tests and CI are made of, and the checks that take longer
EXTRA_DIST += .ci/run %D%/check.sh %D%/packages %D%/setup.sh
dist_check_SCRIPTS += %D%/check-fuzz.sh %D%/fetch-kernel %D%/with-bus

# "make check" of a second build, with sanitizers
check-asan:
	$(AM_V_at)$(MKDIR_P) asan
	$(AM_V_at)test -f asan/Makefile || { cd asan && \
		'$(abs_top_srcdir)/configure' -q --enable-sanitizers=address,undefined; }
	$(AM_V_at)$(MAKE) -C asan check

check-fuzz:
	$(AM_V_at)$(SHELL) '$(abs_top_srcdir)/%D%/check-fuzz.sh' $(FUZZ_SECONDS) || test $$? = 77

# what tells right from wrong on the machine itself
check-long: check check-asan check-abi check-abi-sample check-stress check-fuzz check-fault \
	check-hostile check-per-client check-policy-differential check-suites \
	check-conformance-per-client check-per-client-suite check-languages

.PHONY: check-asan check-fuzz check-long

distclean-local:
	-rm -rf asan fuzz kernels suites suites-per-client stress-thread stress-address,undefined
