# SPDX-License-Identifier: LGPL-2.1-or-later
# bus-proxyd in the place of dbus-daemon; and as the system bus, with services that
# people know
EXTRA_DIST += %D%/system-bus.sh
dist_check_SCRIPTS += %D%/test-system-activation.sh
TESTS += %D%/test-system-activation.sh
dist_check_SCRIPTS += %D%/test-launch-helper.sh
TESTS += %D%/test-launch-helper.sh
dist_check_SCRIPTS += %D%/test-in-place.sh %D%/test-system-services.sh
TESTS += %D%/test-in-place.sh %D%/test-system-services.sh
