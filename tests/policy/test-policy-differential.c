/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our verdicts and dbus-daemon's, on the same random policies and messages
 *
 * A case is one question with one answer: may this client own this name, does this
 * copy of this message reach this client, and so on.  By default a sample; the
 * environment asks for more:
 *
 *	POLICY_DIFFERENTIAL="CONFIGURATIONS [SEED]"
 *
 * (make check-policy-differential).  A configuration with a disagreement is printed
 * with its seed; the evaluator's deliberate mistakes (mutation.h) must all be found
 * by the sample.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy-parser/config.h"
#include "policy-parser/policy-explain.h"
#include "policy-parser/policy-users.h"
#include "tests/policy/mutation.h"
#include "tests/policy/reference.h"

#define N_SAMPLE   150
#define N_MESSAGES 150
#define SEED	   20240607
/* after so many the rest would say the same */
#define MAX_DISAGREEMENTS 5
/* users at the console */
#define N_SEATED 2

unsigned policy_mutation;

/* nobody sits at a machine without logind */
static uint32_t first_console_uid = UINT32_MAX;

/* attributes of rules, for the statistics */
enum attribute {
	ATTRIBUTE_TYPE,
	ATTRIBUTE_NAME,
	ATTRIBUTE_PREFIX,
	ATTRIBUTE_PATH,
	ATTRIBUTE_INTERFACE,
	ATTRIBUTE_MEMBER,
	ATTRIBUTE_ERROR,
	ATTRIBUTE_REQUESTED,
	ATTRIBUTE_EAVESDROP,
	ATTRIBUTE_BROADCAST,
	ATTRIBUTE_MIN_FDS,
	ATTRIBUTE_MAX_FDS,
	ATTRIBUTE_LOG,
	N_ATTRIBUTES,
};

static const char *const attribute_names[] = {
	"type",	     "destination/sender/own",
	"prefix",    "path",
	"interface", "member",
	"error",     "requested",
	"eavesdrop", "broadcast",
	"min_fds",   "max_fds",
	"log",
};

static const char *const tier_names[] = {"default",    "group",		 "user",
					 "at_console", "not at_console", "mandatory"};

struct statistics {
	unsigned long n_cases;
	unsigned long n_allowed;
	unsigned long n_by_kind[5];
	unsigned long n_queued;
	unsigned long n_broadcast;
	unsigned long n_eavesdropped;
	unsigned long n_counted;
	unsigned long n_unmatched;
	unsigned long
		n_attributes[2][N_ATTRIBUTES]; /* of a rule that applied, of the one that decided */
	unsigned long n_tiers[6];
	unsigned long n_disagreements;
};

/**
 * struct comparison - one configuration, one evaluator
 * @is_silent: disagreements are counted, not printed
 */
struct comparison {
	const struct reference *reference;
	struct config *config;
	struct policy *policy;
	struct policy_identity *identities[N_CLIENTS];
	struct statistics *statistics;
	bool is_silent;
};

static struct statistics *add_statistics(struct statistics *total, const struct statistics *more)
{
	unsigned long *to = (unsigned long *)total;
	const unsigned long *from = (const unsigned long *)more;

	for (size_t i = 0; i < sizeof(*total) / sizeof(*to); i++)
		to[i] += from[i];
	return total;
}

static unsigned rule_attributes(const struct policy_rule *rule)
{
	unsigned mask = 0;

	mask |= rule->type ? 1u << ATTRIBUTE_TYPE : 0;
	mask |= rule->name ? 1u << (rule->is_prefix ? ATTRIBUTE_PREFIX : ATTRIBUTE_NAME) : 0;
	mask |= rule->path ? 1u << ATTRIBUTE_PATH : 0;
	mask |= rule->interface ? 1u << ATTRIBUTE_INTERFACE : 0;
	mask |= rule->member ? 1u << ATTRIBUTE_MEMBER : 0;
	mask |= rule->error ? 1u << ATTRIBUTE_ERROR : 0;
	mask |= rule->requested_reply ? 1u << ATTRIBUTE_REQUESTED : 0;
	mask |= rule->eavesdrop ? 1u << ATTRIBUTE_EAVESDROP : 0;
	mask |= rule->broadcast ? 1u << ATTRIBUTE_BROADCAST : 0;
	mask |= rule->min_fds ? 1u << ATTRIBUTE_MIN_FDS : 0;
	mask |= rule->max_fds < POLICY_MAX_FDS && rule->kind != POLICY_RULE_OWN
			? 1u << ATTRIBUTE_MAX_FDS
			: 0;
	return mask | (rule->log ? 1u << ATTRIBUTE_LOG : 0);
}

static void count_attributes(unsigned mask, unsigned long *n_attributes)
{
	for (unsigned i = 0; i < N_ATTRIBUTES; i++)
		n_attributes[i] += mask >> i & 1;
}

/* counts a case, and checks that the slow way says the same */
static void count_case(struct comparison *comparison, const struct policy_question *question,
		       const struct policy_verdict *verdict)
{
	const struct policy_rules *rules = &comparison->config->policy;
	struct statistics *statistics = comparison->statistics;
	struct policy_explanation explanation = POLICY_EXPLANATION_NULL;
	unsigned mask = 0;

	expect_eq(policy_explain(comparison->policy, question, &explanation), 0);
	if (!policy_mutation) {
		expect_eq(verdict->is_allowed, explanation.verdict.is_allowed);
		expect_eq(verdict->rule, explanation.verdict.rule);
	}
	for (size_t i = 0; i < explanation.n_steps; i++)
		mask |= rule_attributes(&rules->rules[explanation.steps[i].rule]);
	count_attributes(mask, statistics->n_attributes[0]);
	policy_explanation_deinit(&explanation);
	if (verdict->rule == POLICY_RULE_NONE) {
		statistics->n_unmatched++;
		return;
	}
	count_attributes(rule_attributes(&rules->rules[verdict->rule]),
			 statistics->n_attributes[1]);
	statistics->n_tiers[rules->sections[rules->rules[verdict->rule].section].kind]++;
}

static void describe_party(const struct reference *reference, unsigned index)
{
	const struct party *party = &reference->parties[index];
	char groups[128] = "", names[128] = "";

	for (uint32_t i = 0; i < party->creds.n_groups; i++)
		sprintf(groups + strlen(groups), " %u", party->creds.groups[i]);
	for (unsigned k = 0; k < GENERATE_N_NAMES; k++)
		if (party->holds[k])
			sprintf(names + strlen(names), " %s%s", generate_names[k],
				party->is_first[k] ? "" : "(queued)");
	note("client %u %s: uid %u, groups%s, names%s", index, party->unique ?: "refused",
	     party->creds.uid, groups, names);
}

static void describe(const struct comparison *comparison, const char *what)
{
	char *text = file_read(comparison->reference->config_path), *rest = text;
	unsigned line = 1;

	note("disagreement: %s", what);
	for (unsigned i = 0; i < N_CLIENTS; i++)
		describe_party(comparison->reference, i);
	for (char *item; (item = strsep(&rest, "\n")); line++)
		note("%3u %s", line, item);
	free(text);
}

static void check(struct comparison *comparison, unsigned kind,
		  const struct policy_verdict *verdict, bool observed, const char *what)
{
	struct statistics *statistics = comparison->statistics;
	char text[1024];
	unsigned line = 0;

	statistics->n_cases++;
	statistics->n_allowed += observed;
	statistics->n_by_kind[kind]++;
	if (verdict->is_allowed == observed)
		return;
	if (++statistics->n_disagreements > MAX_DISAGREEMENTS || comparison->is_silent)
		return;
	policy_rule_place(comparison->policy, verdict->rule, &line);
	snprintf(text, sizeof(text), "%s: dbus-daemon says %s, we say %s by line %u", what,
		 observed ? "yes" : "no", verdict->is_allowed ? "yes" : "no", line);
	describe(comparison, text);
}

/* NAMES */

static const char *next_name(void *userdata, void **position)
{
	const struct party *party = userdata;
	uintptr_t k = (uintptr_t)*position;

	while (k < GENERATE_N_NAMES) {
		k++;
		*position = (void *)k;
		if (party->holds[k - 1])
			return generate_names[k - 1];
	}
	return NULL;
}

static struct policy_peer party_peer(const struct party *party)
{
	return (struct policy_peer){
		.unique_name = party->unique,
		.next_name = next_name,
		.userdata = (void *)party,
	};
}

static const struct policy_peer driver_peer = {.header_name = DRIVER_NAME};

static void compare_connect(struct comparison *comparison, unsigned index)
{
	const struct party *party = &comparison->reference->parties[index];
	struct policy_question question = {.kind = POLICY_RULE_USER, .creds = &party->creds};
	struct policy_verdict verdict;
	char what[128];

	policy_may_connect(comparison->policy, &party->creds, 0, &verdict);
	count_case(comparison, &question, &verdict);
	snprintf(what, sizeof(what), "client %u connects", index);
	check(comparison, 0, &verdict, party->conn || party->unique, what);
}

static void compare_names(struct comparison *comparison, unsigned index)
{
	const struct party *party = &comparison->reference->parties[index];
	struct policy_verdict verdict;
	char what[128];

	for (unsigned k = 0; k < GENERATE_N_NAMES; k++) {
		struct policy_question own = {
			.kind = POLICY_RULE_OWN,
			.creds = &party->creds,
			.name = generate_names[k],
		};
		struct policy_message signal = {
			.type = MSG_SIGNAL,
			.path = DRIVER_PATH,
			.interface = DRIVER_NAME,
			.member = "NameAcquired",
			.destination = party->unique,
		};
		struct policy_question receive = {
			.kind = POLICY_RULE_RECEIVE,
			.creds = &party->creds,
			.message = &signal,
			.peer = &driver_peer,
		};

		if (!party->asked[k])
			continue;
		policy_may_own(comparison->identities[index], generate_names[k], &verdict);
		count_case(comparison, &own, &verdict);
		snprintf(what, sizeof(what), "client %u owns %s", index, generate_names[k]);
		check(comparison, 1, &verdict, party->holds[k], what);
		if (!party->is_first[k])
			continue;
		policy_may_receive(comparison->identities[index], &signal, &driver_peer, &verdict);
		count_case(comparison, &receive, &verdict);
		snprintf(what, sizeof(what), "client %u is told of %s", index, generate_names[k]);
		check(comparison, 2, &verdict, party->was_told[k], what);
	}
}

/* MESSAGES */

static struct policy_message sent_message(const struct sent *sent)
{
	return (struct policy_message){
		.type = sent->message.type,
		.flags = sent->flags,
		.n_fds = sent->message.n_fds,
		.path = sent->message.path,
		.interface = sent->message.interface,
		.member = sent->message.member,
		.error = sent->message.error,
		.destination = sent->destination,
	};
}

static void describe_sent(const struct sent *sent, int receiver, char *text, size_t size)
{
	const struct random_message *message = &sent->message;

	snprintf(text, size,
		 "client %d sends to %d (%s) a copy of type %u path %s interface %s member %s "
		 "error %s, %u fds,%s%s",
		 sent->sender, receiver, sent->destination ?: "broadcast", message->type,
		 message->path ?: "-", message->interface ?: "-", message->member ?: "-",
		 message->error ?: "-", message->n_fds,
		 sent->flags & POLICY_MESSAGE_REPLY ? " a reply" : "",
		 sent->flags & POLICY_MESSAGE_REQUESTED ? " asked for" : "");
}

/* the error that dbus-daemon sent must be about the same side and number of rules */
static void compare_refusal(struct comparison *comparison, const struct sent *sent,
			    const struct policy_verdict *verdict, bool is_by_receiver,
			    const char *what)
{
	char text[1024];

	if (!sent->is_refused || verdict->is_allowed)
		return;
	comparison->statistics->n_counted++;
	if (is_by_receiver == sent->is_refused_by_receiver && verdict->n_matched == sent->n_matched)
		return;
	if (++comparison->statistics->n_disagreements > MAX_DISAGREEMENTS || comparison->is_silent)
		return;
	snprintf(text, sizeof(text), "%s: %s side and %u rules, not %s side and %u", what,
		 sent->is_refused_by_receiver ? "receiver's" : "sender's", sent->n_matched,
		 is_by_receiver ? "receiver's" : "sender's", verdict->n_matched);
	describe(comparison, text);
}

static void compare_copy(struct comparison *comparison, const struct sent *sent, int receiver,
			 bool is_eavesdropped)
{
	const struct reference *reference = comparison->reference;
	const struct party *from = &reference->parties[sent->sender];
	const struct party *to = receiver >= 0 ? &reference->parties[receiver] : NULL;
	struct policy_peer sender = party_peer(from);
	struct policy_peer peer =
		to ? party_peer(to) : (struct policy_peer){.header_name = sent->destination};
	struct policy_message message = sent_message(sent);
	struct policy_question question = {
		.kind = POLICY_RULE_SEND,
		.creds = &from->creds,
		.message = &message,
		.peer = &peer,
	};
	struct policy_verdict verdict;
	bool is_by_receiver = false;
	char what[512];

	if (is_eavesdropped) {
		message.flags |= POLICY_MESSAGE_EAVESDROPPED;
		message.flags &= ~POLICY_MESSAGE_REQUESTED;
	}
	policy_may_send(comparison->identities[sent->sender], &message, &peer, &verdict);
	if (verdict.is_allowed && to) {
		question.kind = POLICY_RULE_RECEIVE;
		question.creds = &to->creds;
		question.peer = &sender;
		policy_may_receive(comparison->identities[receiver], &message, &sender, &verdict);
		is_by_receiver = true;
	}
	count_case(comparison, &question, &verdict);
	describe_sent(sent, receiver, what, sizeof(what));
	check(comparison, is_by_receiver ? 4 : 3, &verdict,
	      to ? sent->is_delivered[receiver] : !sent->is_refused, what);
	if (!is_eavesdropped && sent->destination)
		compare_refusal(comparison, sent, &verdict, is_by_receiver, what);
	comparison->statistics->n_eavesdropped += is_eavesdropped;
	for (unsigned k = 0; to && k < GENERATE_N_NAMES; k++) {
		if (to->holds[k] && !to->is_first[k]) {
			comparison->statistics->n_queued++;
			break;
		}
	}
}

static void compare_sent(struct comparison *comparison, const struct sent *sent)
{
	const struct reference *reference = comparison->reference;

	if (sent->receiver != TO_EVERYBODY)
		compare_copy(comparison, sent, sent->receiver, false);
	if (sent->receiver < 0 && sent->receiver != TO_EVERYBODY)
		return;
	for (int i = 0; i < N_CLIENTS; i++) {
		const struct party *party = &reference->parties[i];

		if (!party->unique || i == sent->receiver)
			continue;
		if (sent->receiver == TO_EVERYBODY) {
			if (!party->is_listening && !party->is_eavesdropping)
				continue;
			compare_copy(comparison, sent, i, false);
			comparison->statistics->n_broadcast++;
		} else if (party->is_eavesdropping && sent->is_delivered[sent->receiver]) {
			compare_copy(comparison, sent, i, true);
		}
	}
}

/* COMPARISONS */

static struct policy_users *load_users(void)
{
	struct policy_users *users;

	expect_eq(policy_users_new(&users), 0);
	expect_eq(policy_users_load(users, "/etc/passwd", "/etc/group"), 0);
	return users;
}

static void compare(const struct reference *reference, struct policy_users *users,
		    struct statistics *statistics, bool is_silent)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct statistics own = {0};
	struct comparison comparison = {
		.reference = reference,
		.statistics = &own,
		.is_silent = is_silent,
	};

	if (config_load(reference->config_path, NULL, &comparison.config, &messages))
		fail("%s", messages.n_items ? messages.items[0].text : "no message");
	config_messages_deinit(&messages);
	expect_eq(policy_new(&comparison.config->policy, users, first_console_uid,
			     &comparison.policy),
		  0);
	for (unsigned i = 0; i < N_CLIENTS; i++)
		expect_eq(policy_identity_get(comparison.policy, &reference->parties[i].creds,
					      &comparison.identities[i]),
			  0);
	for (unsigned i = 0; i < N_CLIENTS; i++) {
		compare_connect(&comparison, i);
		compare_names(&comparison, i);
	}
	for (unsigned i = 0; i < reference->n_sent; i++)
		compare_sent(&comparison, &reference->sent[i]);
	for (unsigned i = 0; i < N_CLIENTS; i++)
		policy_identity_unref(comparison.identities[i]);
	policy_unref(comparison.policy);
	config_free(comparison.config);
	add_statistics(statistics, &own);
}

static void print_share(const char *what, unsigned long n, const struct statistics *statistics)
{
	note("%-32s %8lu %5.1f %%", what, n, 100.0 * n / statistics->n_cases);
}

static void print_statistics(const struct statistics *statistics)
{
	static const char *const kinds[] = {"connect", "own", "driver's signals",
					    "send (or refused there)", "receive"};

	note("%lu cases", statistics->n_cases);
	print_share("allowed", statistics->n_allowed, statistics);
	print_share("refused", statistics->n_cases - statistics->n_allowed, statistics);
	for (unsigned i = 0; i < 5; i++)
		print_share(kinds[i], statistics->n_by_kind[i], statistics);
	print_share("broadcasts", statistics->n_broadcast, statistics);
	print_share("receiver waits in a queue", statistics->n_queued, statistics);
	print_share("eavesdropped", statistics->n_eavesdropped, statistics);
	print_share("number of matched rules compared", statistics->n_counted, statistics);
	print_share("no rule matched", statistics->n_unmatched, statistics);
	for (unsigned i = 0; i < 6; i++)
		print_share(tier_names[i], statistics->n_tiers[i], statistics);
	for (unsigned i = 0; i < N_ATTRIBUTES; i++)
		note("%-32s %8lu %5.1f %%, decides %5.1f %%", attribute_names[i],
		     statistics->n_attributes[0][i],
		     100.0 * statistics->n_attributes[0][i] / statistics->n_cases,
		     100.0 * statistics->n_attributes[1][i] / statistics->n_cases);
}

static void need_reference(struct universe *universe)
{
	if (geteuid())
		skip("only root can become several users");
	if (system("dbus-daemon --version >/dev/null 2>&1"))
		skip("dbus-daemon is not installed");
	reference_find_users(universe);
	if (reference_seat_users(universe, N_SEATED))
		first_console_uid = universe->uids[GENERATE_N_USERS - N_SEATED];
	signal(SIGPIPE, SIG_IGN);
}

/* a test of things that hardly ever happen would show nothing */
static void check_statistics(const struct statistics *statistics)
{
	unsigned long percent = statistics->n_cases / 100;

	expect_gt(statistics->n_allowed, 20 * percent);
	expect_gt(statistics->n_cases - statistics->n_allowed, 20 * percent);
	expect_gt(statistics->n_broadcast, 10 * percent);
	expect_gt(statistics->n_queued, 10 * percent);
	expect_gt(statistics->n_eavesdropped, 2 * percent);
	expect_gt(statistics->n_counted, 20 * percent);
	for (unsigned i = 0; i < N_ATTRIBUTES; i++)
		if (statistics->n_attributes[1][i] < percent)
			fail("%s decides too few cases", attribute_names[i]);
	for (unsigned i = 0; i < 6; i++)
		if (!statistics->n_tiers[i] && first_console_uid != UINT32_MAX)
			fail("%s decides nothing", tier_names[i]);
}

TEST_TIMEOUT(verdicts_are_those_of_dbus_daemon, 3600)
{
	const char *wish = getenv("POLICY_DIFFERENTIAL");
	unsigned long n_configs = N_SAMPLE, seed = SEED;
	static struct reference reference;
	struct statistics statistics = {0};
	struct policy_users *users;
	struct universe universe;
	struct sandbox sandbox;

	need_reference(&universe);
	if (wish)
		sscanf(wish, "%lu %lu", &n_configs, &seed);
	users = load_users();
	sandbox_open(&sandbox);
	for (unsigned long i = 0; i < n_configs; i++) {
		unsigned long before = statistics.n_disagreements;

		reference_run(&reference, &sandbox, &universe, seed + i, N_MESSAGES);
		compare(&reference, users, &statistics, false);
		reference_deinit(&reference);
		if (statistics.n_disagreements != before)
			note("POLICY_DIFFERENTIAL=\"1 %lu\" repeats it", seed + i);
		if (statistics.n_disagreements > MAX_DISAGREEMENTS)
			break;
	}
	sandbox_close(&sandbox);
	policy_users_unref(users);
	print_statistics(&statistics);
	expect_eq(statistics.n_disagreements, 0);
	if (n_configs >= N_SAMPLE)
		check_statistics(&statistics);
}

TEST_TIMEOUT(each_deliberate_mistake_is_found, 120)
{
	struct statistics statistics[N_MUTATIONS + 1] = {0};
	static struct reference reference;
	struct policy_users *users;
	struct universe universe;
	struct sandbox sandbox;
	unsigned n_found = 0;

	need_reference(&universe);
	users = load_users();
	sandbox_open(&sandbox);
	for (unsigned i = 0; i < N_SAMPLE && n_found < N_MUTATIONS; i++) {
		reference_run(&reference, &sandbox, &universe, SEED + i, N_MESSAGES);
		n_found = 0;
		for (policy_mutation = 1; policy_mutation <= N_MUTATIONS; policy_mutation++) {
			compare(&reference, users, &statistics[policy_mutation], true);
			n_found += statistics[policy_mutation].n_disagreements > 0;
		}
		reference_deinit(&reference);
	}
	for (unsigned i = 1; i <= N_MUTATIONS; i++) {
		note("mistake %u: %lu of %lu cases", i, statistics[i].n_disagreements,
		     statistics[i].n_cases);
		expect_gt(statistics[i].n_disagreements, 0ul);
	}
	policy_mutation = 0;
	sandbox_close(&sandbox);
	policy_users_unref(users);
}
