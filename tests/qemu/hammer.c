/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Traffic: see hammer.h */
#include "tests/qemu/hammer.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/abi/client.h"

void hammer(unsigned seed, uint64_t *ids, unsigned n_ids)
{
	static struct cmd msg;
	struct got got;

	srand(seed);
	/* the bus is not to live on for the sake of this process */
	node_close(B.owner);
	for (unsigned n = 0; n < 1000; n++) {
		struct peer *p = peer_pool(1 * MiB);

		ids[rand() % n_ids] = p->id;
		peer_match_empty(p);
		for (int i = 0; i < 30; i++) {
			uint64_t to = ids[rand() % n_ids];

			switch (rand() % 8) {
			case 0:
				peer_broadcast(p, i);
				break;
			case 1:
				peer_acquire(p, "a.b",
					     KDBUS_NAME_QUEUE | KDBUS_NAME_REPLACE_EXISTING |
						     KDBUS_NAME_ALLOW_REPLACEMENT);
				break;
			case 2:
				peer_call(p, to, i, in_ms(5));
				break;
			case 3: {
				struct cmd cmd;

				msg_init(&msg, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
							      .dst_id = to,
							      .cookie = 1000 + i,
							      .cookie_reply = in_ms(3)});
				cmd_init(&cmd, sizeof(cmd.send), KDBUS_SEND_SYNC_REPLY);
				cmd.send.msg_address = (uintptr_t)&msg;
				peer_ioctl(p, KDBUS_CMD_SEND, &cmd);
				break;
			}
			case 4:
				peer_send_name(p, "a.b", i);
				break;
			default:
				while (peer_recv(p, &got) == 0) {
					for (size_t k = 0; k < got.n_fds; k++)
						close(got.fds[k]);
					if (got.cookie)
						peer_reply(p, got.src_id, got.cookie);
				}
			}
		}
		peer_close(p);
	}
	for (;;)
		pause();
}
