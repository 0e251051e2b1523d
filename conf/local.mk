# SPDX-License-Identifier: LGPL-2.1-or-later
# shipped configuration
dist_pkgdata_DATA = %D%/session.conf %D%/system.conf
dist_man_MANS += %D%/bus-proxyd.conf.5
