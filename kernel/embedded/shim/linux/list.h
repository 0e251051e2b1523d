/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHIM_LINUX_LIST_H
#define SHIM_LINUX_LIST_H

#include "proxy/base/list.h"

#endif
