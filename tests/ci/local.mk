# SPDX-License-Identifier: LGPL-2.1-or-later
# what quickstart, run-tests and CI are made of
EXTRA_DIST += .ci/run %D%/check.sh %D%/packages %D%/setup.sh
dist_check_SCRIPTS += %D%/with-bus
