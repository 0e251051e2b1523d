/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client's socket */
#pragma once

#include "proxy/client.h"

/* the socket is ready: source->dispatch of a client */
void client_dispatch(struct loop_source *source, uint32_t events);
/* reads on in messages that are long, as much as a turn has room for */
void client_read_long(struct daemon *daemon);
/* makes epoll ask for what the client can do just now */
void client_update_events(struct client *client);
/* nobody waits for descriptors any more */
void client_forget_fds(struct client *client);
/* forgets what was received and is no message yet; before the connection goes */
void client_drop_held(struct client *client);
/* takes everything out of the engine's queue and keeps it to be written; 0, -ENOMEM, or
 * -ENOTCONN: it was closed */
int client_drain(struct client *client);
