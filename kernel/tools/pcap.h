/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Captures of D-Bus messages in the format of libpcap */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* what stands at the beginning of the file; 0 or -EIO */
int pcap_begin(FILE *file);
/* one message, sent at @realtime_ns; 0 or -EIO */
int pcap_write(FILE *file, uint64_t realtime_ns, const void *message, size_t size);
