# SPDX-License-Identifier: LGPL-2.1-or-later
# Tests.  tests/README.md says which to run when.
TEST_EXTENSIONS = .sh .py
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_DRIVER = $(LOG_DRIVER)
PY_LOG_DRIVER = $(LOG_DRIVER)
PY_LOG_COMPILER = $(PYTHON3)
# MALLOC_PERTURB_ makes use of freed or fresh memory visible
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' \
	MALLOC_PERTURB_=165; \
	export top_srcdir top_builddir MALLOC_PERTURB_;

EXTRA_DIST += %D%/README.md

include tests/harness/local.mk
include tests/unit/base/local.mk
include tests/unit/policy/local.mk
include tests/policy/local.mk
include tests/unit/kernel/local.mk
include tests/abi/local.mk
include tests/qemu/local.mk
include tests/stress/local.mk
include tests/unit/driver/local.mk
include tests/unit/proxy/local.mk
include tests/unit/activation/local.mk
include tests/conformance/local.mk
include tests/per-client/local.mk
include tests/native/local.mk
include tests/fuzz/local.mk
include tests/fault/local.mk
include tests/hostile/local.mk
include tests/bench/local.mk
include tests/system/local.mk
include tests/tour/local.mk
include tests/install/local.mk
include tests/suites/local.mk
include tests/languages/local.mk
include tests/lint/local.mk
include tests/ci/local.mk
