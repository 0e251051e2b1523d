/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy/base/list.h keeps the kernel's semantics */
#include "proxy/base/list.h"
#include "tests/harness/tap.h"

struct element {
	int value;
	struct list_head link;
	struct hlist_node hash;
};

TEST(order_of_adding)
{
	struct element a = {.value = 1}, b = {.value = 2}, c = {.value = 3}, *e;
	LIST_HEAD(head);
	int want = 1;

	list_add_tail(&b.link, &head);
	list_add_tail(&c.link, &head);
	list_add(&a.link, &head);
	list_for_each_entry(e, &head, link)
		expect_eq(e->value, want++);
	expect_eq(want, 4);
	list_for_each_entry_reverse(e, &head, link)
		expect_eq(e->value, --want);
	expect_eq(list_first_entry(&head, struct element, link), &a);
	expect_eq(list_last_entry(&head, struct element, link), &c);
}

TEST(deleted_entry_is_initialised)
{
	struct element a = {.value = 1}, *e, *tmp;
	LIST_HEAD(head);

	list_add(&a.link, &head);
	expect(list_is_singular(&head));
	list_for_each_entry_safe(e, tmp, &head, link)
		list_del(&e->link);
	expect(list_empty(&head));
	expect(list_empty(&a.link));
	list_del(&a.link);
	expect_eq(list_first_entry_or_null(&head, struct element, link), NULL);
}

TEST(splice_keeps_order)
{
	struct element e[4] = {{0}};
	LIST_HEAD(from);
	LIST_HEAD(to);

	for (int i = 0; i < 4; i++) {
		e[i].value = i;
		list_add_tail(&e[i].link, i < 2 ? &to : &from);
	}
	list_splice_tail_init(&from, &to);
	expect(list_empty(&from));
	expect_eq(list_first_entry(&to, struct element, link)->value, 0);
	expect_eq(list_last_entry(&to, struct element, link)->value, 3);
	list_splice_init(&to, &from);
	expect_eq(list_next_entry(&e[1], link), &e[2]);
	expect(list_is_last(&e[3].link, &from));
}

TEST(hash_list)
{
	struct element a = {.value = 1}, b = {.value = 2}, *e;
	struct hlist_node *tmp;
	struct hlist_head head = {NULL};
	int n = 0;

	expect(hlist_unhashed(&a.hash));
	hlist_add_head(&a.hash, &head);
	hlist_add_head(&b.hash, &head);
	hlist_for_each_entry_safe(e, tmp, &head, hash) {
		n += e->value;
		hlist_del_init(&e->hash);
	}
	expect_eq(n, 3);
	expect(hlist_empty(&head));
	hlist_del_init(&a.hash);
}
