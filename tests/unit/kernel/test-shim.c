/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What kernel code may rely on: allocation that is counted and can fail, locks
 * that notice misuse, counters that do not leave their range, arithmetic.
 */
#include <linux/kernel.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uidgid.h>

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/embedded/shim/shim-alloc.h"
#include "tests/harness/tap.h"

/* whether @fn ends with abort() */
static bool aborts(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	expect_ge(pid, 0);
	if (!pid) {
		signal(SIGABRT, SIG_DFL);
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		fn();
		_exit(0);
	}
	expect_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

struct object {
	unsigned long words[5];
};

TEST(objects_are_counted)
{
	unsigned long before = shim_alloc_count();
	struct kmem_cache *cache = KMEM_CACHE(object, SLAB_ACCOUNT);
	void *a = kmalloc(1, GFP_KERNEL), *b = kcalloc(3, 5, GFP_KERNEL);
	void *c = kmem_cache_alloc(cache, GFP_KERNEL);

	expect_eq(shim_alloc_count(), before + 4);
	kfree(a);
	kfree(b);
	kfree(NULL);
	kmem_cache_free(cache, c);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(NULL);
	expect_eq(shim_alloc_count(), before);
}

TEST(nth_allocation_fails_once)
{
	unsigned long before = shim_alloc_count();
	struct kmem_cache *cache = KMEM_CACHE(object, 0);
	void *a;

	shim_alloc_fail_at(3);
	a = kmalloc(8, GFP_KERNEL);
	expect(a != NULL);
	kfree(a);
	a = kmem_cache_alloc(cache, GFP_KERNEL);
	expect(a != NULL);
	expect(!kmem_cache_alloc(cache, GFP_KERNEL));
	expect(shim_alloc_fail_disarm());
	kmem_cache_free(cache, a);
	shim_alloc_fail_at(2);
	kfree(kmalloc(8, GFP_KERNEL));
	expect(!shim_alloc_fail_disarm());
	a = kmalloc(8, GFP_KERNEL);
	expect(a != NULL);
	kfree(a);
	kmem_cache_destroy(cache);
	expect_eq(shim_alloc_count(), before);
}

TEST(failed_krealloc_keeps_the_old_object)
{
	char *s = kstrdup("abc", GFP_KERNEL), *grown;

	shim_alloc_fail_at(1);
	expect(!krealloc(s, 100, GFP_KERNEL));
	expect_str(s, "abc");
	grown = krealloc(s, 100, GFP_KERNEL);
	expect_str(grown, "abc");
	kfree(grown);
	expect_eq(shim_alloc_count(), 0u);
}

TEST(product_that_overflows_is_not_allocated)
{
	expect(!kmalloc_array(SIZE_MAX / 2, 3, GFP_KERNEL));
	expect_eq(shim_alloc_count(), 0u);
}

TEST(zero_means_zero_in_a_reused_object_too)
{
	struct kmem_cache *cache = KMEM_CACHE(object, 0);
	struct object *o = kmem_cache_alloc(cache, GFP_KERNEL);

	memset(o, 0xff, sizeof(*o));
	kmem_cache_free(cache, o);
	o = kmem_cache_zalloc(cache, GFP_KERNEL);
	for (size_t i = 0; i < ARRAY_SIZE(o->words); i++)
		expect_eq(o->words[i], 0ul);
	kmem_cache_free(cache, o);
	kmem_cache_destroy(cache);
}

TEST(cache_survives_many_objects_in_any_order)
{
	struct kmem_cache *cache = KMEM_CACHE(object, 0);
	static struct object *objects[3000];

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
			objects[i] = kmem_cache_alloc(cache, GFP_KERNEL);
			objects[i]->words[4] = i;
		}
		for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
			expect_eq(objects[i]->words[4], i);
		for (size_t i = 0; i < ARRAY_SIZE(objects); i += 2)
			kmem_cache_free(cache, objects[i]);
		for (size_t i = 1; i < ARRAY_SIZE(objects); i += 2)
			kmem_cache_free(cache, objects[i]);
	}
	kmem_cache_destroy(cache);
	expect_eq(shim_alloc_count(), 0u);
}

static void destroy_used_cache(void)
{
	struct kmem_cache *cache = KMEM_CACHE(object, 0);

	kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_destroy(cache);
}

TEST(cache_with_objects_cannot_be_destroyed)
{
	expect(aborts(destroy_used_cache));
}

TEST(strings_are_copied_with_their_end)
{
	char *s;

	s = kmemdup_nul("abcdef", 3, GFP_KERNEL);
	expect_str(s, "abc");
	kfree(s);
	s = kstrndup("ab", 5, GFP_KERNEL);
	expect_str(s, "ab");
	kfree(s);
	expect(!kstrdup(NULL, GFP_KERNEL));
}

static DEFINE_MUTEX(mutex);
static DECLARE_RWSEM(sem);

static void lock_twice(void)
{
	mutex_lock(&mutex);
	mutex_lock(&mutex);
}

static void unlock_unheld(void)
{
	mutex_unlock(&mutex);
}

static void assert_unheld(void)
{
	lockdep_assert_held(&mutex);
}

static void write_while_reading(void)
{
	down_read(&sem);
	down_write(&sem);
}

static void read_while_writing(void)
{
	down_write(&sem);
	down_read(&sem);
}

static void read_unlock_a_writer(void)
{
	down_write(&sem);
	up_read(&sem);
}

static void assert_write_while_reading(void)
{
	down_read(&sem);
	lockdep_assert_held_write(&sem);
}

static void destroy_locked(void)
{
	mutex_lock(&mutex);
	mutex_destroy(&mutex);
}

static void use_locks_as_meant(void)
{
	mutex_lock(&mutex);
	lockdep_assert_held(&mutex);
	down_read(&sem);
	lockdep_assert_held(&sem);
	up_read(&sem);
	down_write(&sem);
	lockdep_assert_held(&sem);
	lockdep_assert_held_write(&sem);
	BUG_ON(!rwsem_is_locked(&sem));
	up_write(&sem);
	mutex_unlock(&mutex);
	BUG_ON(rwsem_is_locked(&sem));
	mutex_destroy(&mutex);
}

TEST(lock_misuse_aborts)
{
	expect(!aborts(use_locks_as_meant));
	expect(aborts(lock_twice));
	expect(aborts(unlock_unheld));
	expect(aborts(assert_unheld));
	expect(aborts(write_while_reading));
	expect(aborts(read_while_writing));
	expect(aborts(read_unlock_a_writer));
	expect(aborts(assert_write_while_reading));
	expect(aborts(destroy_locked));
}

static int n_released;
static struct kref kref;

static void release(struct kref *ref)
{
	n_released++;
}

static void get_after_the_last_put(void)
{
	kref_init(&kref);
	kref_put(&kref, release);
	kref_get(&kref);
}

static void put_after_the_last_put(void)
{
	kref_init(&kref);
	kref_put(&kref, release);
	kref_put(&kref, release);
}

TEST(last_reference_releases)
{
	kref_init(&kref);
	kref_get(&kref);
	expect_eq(kref_put(&kref, release), 0);
	expect_eq(n_released, 0);
	expect_eq(kref_put(&kref, release), 1);
	expect_eq(n_released, 1);
	expect(aborts(get_after_the_last_put));
	expect(aborts(put_after_the_last_put));
}

TEST(arithmetic)
{
	u64 sum;

	expect_eq(ALIGN((u64)13, 8), (u64)16);
	expect_eq(ALIGN((u64)16, 8), (u64)16);
	expect_eq(ALIGN(U64_MAX - 7, 8), U64_MAX - 7);
	expect(IS_ALIGNED((u64)24, 8));
	expect(!IS_ALIGNED((u64)25, 8));
	expect_eq(min_t(u32, 3, U32_MAX), (u32)3);
	expect_eq(max_t(u64, 3, U64_MAX), U64_MAX);
	expect(!check_add_overflow((u64)1, U64_MAX - 1, &sum));
	expect_eq(sum, U64_MAX);
	expect(check_add_overflow((u64)1, U64_MAX, &sum));
	expect(uid_eq(KUIDT_INIT(5), KUIDT_INIT(5)));
	expect(!uid_valid(INVALID_UID));
	expect(gid_valid(KGIDT_INIT(0)));
}
