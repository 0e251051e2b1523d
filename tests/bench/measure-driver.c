/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Measures of the bus driver: connections, names, match rules, questions about them. */
#include "tests/bench/measure.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_IN_FLIGHT = 32 };

static const char name[] = "org.example.Bench";

int setup_client(struct stage *stage)
{
	return peer_open(&stage->client, stage->contender->socket_path);
}

/* connect, authenticate, Hello, close */
int play_connect(struct stage *stage, double *values_out)
{
	int r;

	meter_begin(stage);
	for (unsigned int i = 0; i < stage->n; i++) {
		struct peer peer = PEER_NULL;

		peer.is_polling = stage->measure->flags & MEASURE_POLL;
		r = peer_open(&peer, stage->contender->socket_path);
		peer_close(&peer);
		if (r < 0)
			return r;
	}
	r = peer_call_driver(&stage->client, "GetId", NULL, NULL, 0);
	meter_end(stage, stage->n, values_out);
	return r;
}

static int make_question(struct stage *stage, const char *member)
{
	uint8_t body[64];
	size_t size = body_put_string(body, 0, name);

	return template_init(&stage->t, &(struct template_fields){
						.type = MSG_CALL,
						.destination = "org.freedesktop.DBus",
						.path = "/org/freedesktop/DBus",
						.interface = "org.freedesktop.DBus",
						.member = member,
						.signature = "s",
						.body = body,
						.body_size = size,
					});
}

/* the client has the name that it will ask about, and the bystander as many as the measure says */
static int open_with_names(struct stage *stage, const char *member)
{
	unsigned int n = stage->measure->arg, n_waiting = 0;
	char other[64];
	int r;

	r = setup_client(stage);
	if (r >= 0 && n)
		r = setup_bystander(stage);
	for (unsigned int i = 0; r >= 0 && i < n; i++) {
		snprintf(other, sizeof(other), "org.example.Name%u", i);
		r = peer_send_driver(&stage->bystander, "RequestName", "su", other, 0);
		if (r >= 0 && (++n_waiting == NAMES_IN_FLIGHT || i + 1 == n)) {
			r = peer_wait_answers(&stage->bystander, n_waiting);
			n_waiting = 0;
		}
	}
	if (r >= 0)
		r = peer_call_driver(&stage->client, "RequestName", "su", name, 0);
	return r < 0 ? r : make_question(stage, member);
}

int setup_owner_lookup(struct stage *stage)
{
	return open_with_names(stage, "GetNameOwner");
}

int setup_credentials(struct stage *stage)
{
	return open_with_names(stage, "GetConnectionCredentials");
}

/* n times one call of the driver and another that undoes it */
static int play_pairs(struct stage *stage, const char *const members[2],
		      const char *const signatures[2], const char *argument, double *values_out)
{
	meter_begin(stage);
	for (unsigned int i = 0; i < 2 * stage->n; i++) {
		int r = peer_call_driver(&stage->client, members[i % 2], signatures[i % 2],
					 argument, 0);

		if (r < 0)
			return r;
	}
	meter_end(stage, stage->n, values_out);
	return 0;
}

int play_names(struct stage *stage, double *values_out)
{
	return play_pairs(stage, (const char *const[]){"RequestName", "ReleaseName"},
			  (const char *const[]){"su", "s"}, "org.example.Taken", values_out);
}

int play_match(struct stage *stage, double *values_out)
{
	return play_pairs(stage, (const char *const[]){"AddMatch", "RemoveMatch"},
			  (const char *const[]){"s", "s"},
			  "type='signal',interface='org.example.Bench',member='Tick',arg0='tick'",
			  values_out);
}
