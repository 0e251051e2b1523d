# SPDX-License-Identifier: LGPL-2.1-or-later
# rules of the tree that no compiler checks
dist_check_SCRIPTS += %D%/lint.py %D%/format.sh
TESTS += %D%/lint.py

lint:
	$(AM_V_at)top_srcdir='$(abs_top_srcdir)' $(PYTHON3) $(srcdir)/%D%/lint.py
	$(AM_V_at)top_srcdir='$(abs_top_srcdir)' $(SHELL) $(srcdir)/%D%/format.sh

.PHONY: lint
