/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Learned users: see learned-users.h. */
#include "proxy/learned-users.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy-parser/policy-users.h"
#include "proxy/daemon.h"

/* appends the lines of @answer that start with @mark, without it */
static int append_lines(char **text, const char *answer, size_t size, char mark)
{
	size_t len = *text ? strlen(*text) : 0;
	char *more = realloc(*text, len + size + 1);
	const char *end;

	if (!more)
		return -ENOMEM;
	*text = more;
	for (; size && (end = memchr(answer, '\n', size)); answer = end + 1) {
		size_t n = end + 1 - answer;

		size -= n;
		if (*answer != mark)
			continue;
		memcpy(more + len, answer + 1, n - 1);
		len += n - 1;
	}
	more[len] = '\0';
	return 0;
}

static void learned_users_done(struct user_lookup *lookup, const char *answer, size_t size)
{
	struct learned_users *learned = container_of(lookup, struct learned_users, lookup);
	struct daemon *daemon = container_of(learned, struct daemon, learned_users);

	if (!size)
		return;
	if (append_lines(&learned->passwd, answer, size, 'u') < 0 ||
	    append_lines(&learned->group, answer, size, 'g') < 0 ||
	    access_reload(daemon, daemon->config) < 0)
		log_error("Out of memory: rules for users that only NSS knows stay out of force");
}

void learned_users_init(struct daemon *daemon)
{
	user_lookup_init(&daemon->learned_users.lookup, &daemon->loop, learned_users_done);
}

void learned_users_deinit(struct learned_users *learned)
{
	if (learned->lookup.done)
		user_lookup_deinit(&learned->lookup);
	free(learned->passwd);
	free(learned->group);
	learned->passwd = NULL;
	learned->group = NULL;
}

int learned_users_add(const struct learned_users *learned, struct policy_users *users)
{
	int r = 0;

	if (learned->passwd)
		r = policy_users_add_passwd(users, learned->passwd, strlen(learned->passwd));
	if (!r && learned->group)
		r = policy_users_add_group(users, learned->group, strlen(learned->group));
	return r;
}

struct unresolved {
	const struct policy *policy;
	size_t position;
};

static const char *next_unresolved(void *userdata, bool *is_group_out)
{
	struct unresolved *unresolved = userdata;

	return policy_next_unresolved(unresolved->policy, &unresolved->position, is_group_out);
}

void learned_users_ask(struct daemon *daemon)
{
	struct unresolved unresolved = {.policy = daemon->access.policy};
	bool is_group;
	int r;

	if (!next_unresolved(&unresolved, &is_group))
		return;
	unresolved.position = 0;
	r = user_lookup_start(&daemon->learned_users.lookup, next_unresolved, &unresolved);
	if (r < 0)
		log_error("NSS cannot be asked for users of the policy: %s", strerror(-r));
}
