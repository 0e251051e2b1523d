/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Captures: see pcap.h.
 *
 * The format is that of the first libpcap, with time in nanoseconds, in the byte order of this
 * machine, which its magic number tells; LINKTYPE_DBUS means that each packet is a
 * D-Bus message.
 */
#include "kernel/tools/pcap.h"

#include <errno.h>

enum {
	PCAP_MAGIC_NS = 0xa1b23c4d,
	PCAP_MAJOR = 2,
	PCAP_MINOR = 4,
	LINKTYPE_DBUS = 231,
	MAX_MESSAGE = 128 << 20, /* of D-Bus */
};

struct pcap_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy;
	uint32_t max_size;
	uint32_t link_type;
};

struct pcap_packet {
	uint32_t seconds, nanoseconds;
	uint32_t size, original_size;
};

int pcap_begin(FILE *file)
{
	const struct pcap_header header = {
		.magic = PCAP_MAGIC_NS,
		.major = PCAP_MAJOR,
		.minor = PCAP_MINOR,
		.max_size = MAX_MESSAGE,
		.link_type = LINKTYPE_DBUS,
	};

	return fwrite(&header, sizeof(header), 1, file) == 1 && !fflush(file) ? 0 : -EIO;
}

int pcap_write(FILE *file, uint64_t realtime_ns, const void *message, size_t size)
{
	const struct pcap_packet packet = {
		.seconds = realtime_ns / 1000000000,
		.nanoseconds = realtime_ns % 1000000000,
		.size = size,
		.original_size = size,
	};

	if (size > MAX_MESSAGE)
		return 0;
	return fwrite(&packet, sizeof(packet), 1, file) == 1 &&
			       fwrite(message, 1, size, file) == size && !fflush(file)
		       ? 0
		       : -EIO;
}
