/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bus configuration as bytes: see config-image.h
 *
 *	head, sections, rules, strings
 *
 * Records have a fixed size, in the byte order of the machine.  A string is the offset of its
 * first byte among the strings, plus 1; 0 is NULL.  The image has each string once, as the
 * configuration has: equal strings have equal addresses.
 *
 * The reader believes nothing: every number is checked before it is used, and what the
 * evaluator relies on (the rules of a section are neighbours, all of them are in one)
 * is checked as well.
 */
#include "policy-parser/config-image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy-parser/config-private.h"

#define IMAGE_MAGIC   UINT64_C(0x31676e6f63707562) /* no other file begins like that */
#define IMAGE_VERSION 1

struct image_head {
	uint64_t magic;
	uint32_t version;
	uint32_t n_limits;
	uint32_t n_sections;
	uint32_t n_rules;
	uint32_t strings_size;
	uint32_t type;
	uint32_t type_name;
	uint32_t file;
	uint32_t auth;
	uint32_t allow_anonymous;
	int64_t limits[CONFIG_LIMIT_N];
};

struct image_section {
	uint32_t kind;
	uint32_t name;
	uint32_t file;
	uint32_t line;
	uint32_t first_rule;
	uint32_t n_rules;
};

struct image_rule {
	uint32_t section;
	uint32_t line;
	uint8_t kind;
	uint8_t type;
	uint8_t flags;	   /* RULE_* */
	uint8_t tristates; /* requested_reply, eavesdrop, broadcast, two bits each */
	uint32_t min_fds;
	uint32_t max_fds;
	uint32_t name;
	uint32_t path;
	uint32_t interface;
	uint32_t member;
	uint32_t error;
};

#define RULE_ALLOW  (1u << 0)
#define RULE_LOG    (1u << 1)
#define RULE_PREFIX (1u << 2)

/* writing */

/**
 * struct writer - strings being collected
 * @texts: those there are, sorted by address, each once after writer_sort()
 * @offsets: where each will be, plus 1
 * @n_texts: number of them
 * @size: bytes of all
 */
struct writer {
	const char **texts;
	uint32_t *offsets;
	size_t n_texts;
	size_t size;
};

static int compare_addresses(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;

	return x < y ? -1 : x > y;
}

static void writer_add(struct writer *writer, const char *text)
{
	if (text)
		writer->texts[writer->n_texts++] = text;
}

static int writer_sort(struct writer *writer)
{
	size_t n = 0;

	qsort(writer->texts, writer->n_texts, sizeof(*writer->texts), compare_addresses);
	for (size_t i = 0; i < writer->n_texts; i++) {
		if (n && writer->texts[n - 1] == writer->texts[i])
			continue;
		writer->texts[n] = writer->texts[i];
		writer->offsets[n++] = writer->size + 1;
		writer->size += strlen(writer->texts[i]) + 1;
		if (writer->size >= UINT32_MAX)
			return -EFBIG;
	}
	writer->n_texts = n;
	return 0;
}

static uint32_t writer_find(const struct writer *writer, const char *text)
{
	const char **found;

	if (!text)
		return 0;
	found = bsearch(&text, writer->texts, writer->n_texts, sizeof(*writer->texts),
			compare_addresses);
	return writer->offsets[found - writer->texts];
}

static void writer_collect(struct writer *writer, const struct config *config)
{
	writer_add(writer, config->file);
	writer_add(writer, config->type_name);
	for (size_t i = 0; i < config->policy.n_sections; i++) {
		writer_add(writer, config->policy.sections[i].name);
		writer_add(writer, config->policy.sections[i].file);
	}
	for (size_t i = 0; i < config->policy.n_rules; i++) {
		const struct policy_rule *rule = &config->policy.rules[i];

		writer_add(writer, rule->name);
		writer_add(writer, rule->path);
		writer_add(writer, rule->interface);
		writer_add(writer, rule->member);
		writer_add(writer, rule->error);
	}
}

static struct image_section write_section(const struct writer *writer,
					  const struct policy_section *section)
{
	return (struct image_section){
		.kind = section->kind,
		.name = writer_find(writer, section->name),
		.file = writer_find(writer, section->file),
		.line = section->line,
		.first_rule = section->first_rule,
		.n_rules = section->n_rules,
	};
}

static struct image_rule write_rule(const struct writer *writer, const struct policy_rule *rule)
{
	return (struct image_rule){
		.section = rule->section,
		.line = rule->line,
		.kind = rule->kind,
		.type = rule->type,
		.flags = (rule->is_allow ? RULE_ALLOW : 0) | (rule->log ? RULE_LOG : 0) |
			 (rule->is_prefix ? RULE_PREFIX : 0),
		.tristates = rule->requested_reply | rule->eavesdrop << 2 | rule->broadcast << 4,
		.min_fds = rule->min_fds,
		.max_fds = rule->max_fds,
		.name = writer_find(writer, rule->name),
		.path = writer_find(writer, rule->path),
		.interface = writer_find(writer, rule->interface),
		.member = writer_find(writer, rule->member),
		.error = writer_find(writer, rule->error),
	};
}

static void write_image(const struct writer *writer, const struct config *config,
			struct image_head *head)
{
	const struct policy_rules *policy = &config->policy;
	struct image_section *sections = (void *)(head + 1);
	struct image_rule *rules = (void *)(sections + policy->n_sections);
	char *strings = (char *)(rules + policy->n_rules);

	*head = (struct image_head){
		.magic = IMAGE_MAGIC,
		.version = IMAGE_VERSION,
		.n_limits = CONFIG_LIMIT_N,
		.n_sections = policy->n_sections,
		.n_rules = policy->n_rules,
		.strings_size = writer->size,
		.type = config->type,
		.type_name = writer_find(writer, config->type_name),
		.file = writer_find(writer, config->file),
		.auth = config->auth,
		.allow_anonymous = config->allow_anonymous,
	};
	for (size_t i = 0; i < CONFIG_LIMIT_N; i++)
		head->limits[i] = config->limits[i].value;
	for (size_t i = 0; i < policy->n_sections; i++)
		sections[i] = write_section(writer, &policy->sections[i]);
	for (size_t i = 0; i < policy->n_rules; i++)
		rules[i] = write_rule(writer, &policy->rules[i]);
	for (size_t i = 0; i < writer->n_texts; i++)
		strcpy(strings + writer->offsets[i] - 1, writer->texts[i]);
}

int config_image_make(const struct config *config, void **image_out, size_t *size_out)
{
	const struct policy_rules *policy = &config->policy;
	size_t n_max = 2 + 2 * policy->n_sections + 5 * policy->n_rules, size;
	__cleanup(freep) const char **texts = calloc(n_max, sizeof(*texts));
	__cleanup(freep) uint32_t *offsets = calloc(n_max, sizeof(*offsets));
	struct writer writer = {.texts = texts, .offsets = offsets};
	void *image;
	int r;

	if (!texts || !offsets)
		return -ENOMEM;
	writer_collect(&writer, config);
	r = writer_sort(&writer);
	if (r < 0)
		return r;
	size = sizeof(struct image_head) + policy->n_sections * sizeof(struct image_section) +
	       policy->n_rules * sizeof(struct image_rule) + writer.size;
	image = malloc(size);
	if (!image)
		return -ENOMEM;
	write_image(&writer, config, image);
	*image_out = image;
	*size_out = size;
	return 0;
}

/* reading */

/**
 * struct reader - an image, and what is made of it
 * @head: its head
 * @sections, @rules, @strings: what follows that
 * @config: being made
 */
struct reader {
	const struct image_head *head;
	const struct image_section *sections;
	const struct image_rule *rules;
	const char *strings;
	struct config *config;
};

static int reader_init(struct reader *reader, const void *image, size_t size)
{
	const struct image_head *head = image;

	if (size < sizeof(*head))
		return -EBADMSG;
	size -= sizeof(*head);
	if (head->magic != IMAGE_MAGIC || head->version != IMAGE_VERSION ||
	    head->n_limits != CONFIG_LIMIT_N || head->type > CONFIG_TYPE_OTHER ||
	    head->allow_anonymous > 1)
		return -EBADMSG;
	if (head->n_sections > size / sizeof(*reader->sections))
		return -EBADMSG;
	size -= head->n_sections * sizeof(*reader->sections);
	if (head->n_rules > size / sizeof(*reader->rules))
		return -EBADMSG;
	size -= head->n_rules * sizeof(*reader->rules);
	reader->head = head;
	reader->sections = (const void *)(head + 1);
	reader->rules = (const void *)(reader->sections + head->n_sections);
	reader->strings = (const char *)(reader->rules + head->n_rules);
	if (head->strings_size != size || (size && reader->strings[size - 1]))
		return -EBADMSG;
	return 0;
}

/* 0: also for the offset that means NULL */
static int read_string(const struct reader *reader, uint32_t offset, const char **text_out)
{
	if (offset > reader->head->strings_size)
		return -EBADMSG;
	*text_out = NULL;
	if (!offset)
		return 0;
	*text_out = strings_intern(&reader->config->private->strings, reader->strings + offset - 1);
	return *text_out ? 0 : -ENOMEM;
}

static int read_section(const struct reader *reader, const struct image_section *from,
			uint32_t first_rule, struct policy_section *to)
{
	int r;

	if (from->kind > POLICY_SECTION_MANDATORY || from->first_rule != first_rule ||
	    from->n_rules > reader->head->n_rules - first_rule)
		return -EBADMSG;
	*to = (struct policy_section){
		.kind = from->kind,
		.line = from->line,
		.first_rule = from->first_rule,
		.n_rules = from->n_rules,
	};
	r = read_string(reader, from->name, &to->name);
	r = r ?: read_string(reader, from->file, &to->file);
	if (r < 0)
		return r;
	/* who it is for is what these two have a name for */
	if (!to->file ||
	    !to->name != !(to->kind == POLICY_SECTION_GROUP || to->kind == POLICY_SECTION_USER))
		return -EBADMSG;
	return 0;
}

static bool is_tristate(unsigned value)
{
	return value <= POLICY_TRUE;
}

static int read_rule(const struct reader *reader, const struct image_rule *from, uint32_t section,
		     struct policy_rule *to)
{
	unsigned requested_reply = from->tristates & 3, eavesdrop = from->tristates >> 2 & 3,
		 broadcast = from->tristates >> 4;
	int r;

	if (from->section != section || from->kind > POLICY_RULE_GROUP || from->type > 4 ||
	    from->flags & ~(RULE_ALLOW | RULE_LOG | RULE_PREFIX) || !is_tristate(requested_reply) ||
	    !is_tristate(eavesdrop) || !is_tristate(broadcast) || from->min_fds > POLICY_MAX_FDS ||
	    from->max_fds > POLICY_MAX_FDS)
		return -EBADMSG;
	*to = (struct policy_rule){
		.section = from->section,
		.line = from->line,
		.kind = from->kind,
		.is_allow = from->flags & RULE_ALLOW,
		.log = from->flags & RULE_LOG,
		.is_prefix = from->flags & RULE_PREFIX,
		.type = from->type,
		.requested_reply = requested_reply,
		.eavesdrop = eavesdrop,
		.broadcast = broadcast,
		.min_fds = from->min_fds,
		.max_fds = from->max_fds,
	};
	r = read_string(reader, from->name, &to->name);
	r = r ?: read_string(reader, from->path, &to->path);
	r = r ?: read_string(reader, from->interface, &to->interface);
	r = r ?: read_string(reader, from->member, &to->member);
	r = r ?: read_string(reader, from->error, &to->error);
	if (r < 0)
		return r;
	return to->is_prefix && !to->name ? -EBADMSG : 0;
}

static int read_policy(const struct reader *reader)
{
	const struct image_head *head = reader->head;
	struct policy_rules *policy = &reader->config->policy;
	uint32_t rule = 0;
	int r;

	policy->sections = calloc(head->n_sections ?: 1, sizeof(*policy->sections));
	policy->rules = calloc(head->n_rules ?: 1, sizeof(*policy->rules));
	if (!policy->sections || !policy->rules)
		return -ENOMEM;
	for (uint32_t i = 0; i < head->n_sections; i++) {
		r = read_section(reader, &reader->sections[i], rule, &policy->sections[i]);
		for (uint32_t j = 0; !r && j < reader->sections[i].n_rules; j++, rule++)
			r = read_rule(reader, &reader->rules[rule], i, &policy->rules[rule]);
		if (r < 0)
			return r;
	}
	if (rule != head->n_rules)
		return -EBADMSG;
	policy->n_sections = head->n_sections;
	policy->n_rules = head->n_rules;
	return 0;
}

int config_image_load(const void *image, size_t size, struct config **config_out)
{
	__cleanup(config_freep) struct config *config = NULL;
	struct reader reader = {0};
	int r;

	r = reader_init(&reader, image, size);
	if (!r)
		r = config_new(&config);
	if (r < 0)
		return r;
	reader.config = config;
	config->type = reader.head->type;
	config->auth = reader.head->auth;
	config->allow_anonymous = reader.head->allow_anonymous;
	for (size_t i = 0; i < CONFIG_LIMIT_N; i++) {
		if (reader.head->limits[i] > config_limit_max(i) || reader.head->limits[i] < -1)
			return -EBADMSG;
		config->limits[i].value = reader.head->limits[i];
	}
	r = read_string(&reader, reader.head->type_name, &config->type_name);
	r = r ?: read_string(&reader, reader.head->file, &config->file);
	r = r ?: read_policy(&reader);
	if (r < 0)
		return r;
	*config_out = steal(config);
	return 0;
}
