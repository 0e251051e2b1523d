# SPDX-License-Identifier: LGPL-2.1-or-later
# what "make install" puts where
dist_check_SCRIPTS += %D%/test-install.sh
TESTS += %D%/test-install.sh
