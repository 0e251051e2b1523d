# SPDX-License-Identifier: LGPL-2.1-or-later
# the kdbus core, its userspace host and the seam above it
EXTRA_DIST += %D%/include/uapi/linux/kdbus.h
