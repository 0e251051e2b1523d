# SPDX-License-Identifier: LGPL-2.1-or-later
# BP_FLAVOURS: the ways to build.  One of
#   (none)                        release
#   --enable-sanitizers=LIST      address,undefined or thread
#   --enable-fuzzing              libFuzzer targets; needs CC=clang
#   --enable-coverage             gcov instrumentation
# Sets BP_FLAVOUR_CFLAGS, BP_FLAVOUR_LDFLAGS and $bp_flavour (for the summary).
#
# The release is optimised across files: what a message passes on its way lies in many.
# The libraries have both kinds of code then, so that each of the many tests
# is linked as fast as ever: BP_LTO_CFLAGS for libraries, BP_LTO_LDFLAGS for the
# program, BP_NO_LTO_LDFLAGS for all others.
AC_DEFUN([BP_FLAVOURS], [
bp_flavour=release
BP_FLAVOUR_CFLAGS=
AC_ARG_ENABLE([sanitizers],
	[AS_HELP_STRING([--enable-sanitizers=LIST], [address,undefined or thread])],
	[], [enable_sanitizers=no])
AC_ARG_ENABLE([fuzzing],
	[AS_HELP_STRING([--enable-fuzzing], [build the fuzz targets for libFuzzer (CC=clang)])],
	[], [enable_fuzzing=no])
AC_ARG_ENABLE([coverage],
	[AS_HELP_STRING([--enable-coverage], [instrument for gcov])],
	[], [enable_coverage=no])
AS_IF([test "$enable_sanitizers" = yes], [enable_sanitizers=address,undefined])
AS_IF([test "$enable_sanitizers" != no], [
	bp_flavour="sanitizers $enable_sanitizers"
	BP_FLAVOUR_CFLAGS="-fsanitize=$enable_sanitizers -fno-sanitize-recover=all -fno-omit-frame-pointer"
	AC_DEFINE([BP_SANITIZERS], [1], [Built with sanitizers])])
# the core's locks and counters are real where threads are watched
AS_CASE([$enable_sanitizers], [*thread*],
	[BP_FLAVOUR_CFLAGS="$BP_FLAVOUR_CFLAGS -pthread -DSHIM_THREADS"])
AS_IF([test "$enable_fuzzing" != no], [
	bp_flavour="$bp_flavour, fuzzing"
	AX_CHECK_COMPILE_FLAG([-fsanitize=fuzzer-no-link], [],
		[AC_MSG_ERROR([--enable-fuzzing needs a compiler with libFuzzer: CC=clang])])
	BP_FLAVOUR_CFLAGS="$BP_FLAVOUR_CFLAGS -fsanitize=fuzzer-no-link"])
AM_CONDITIONAL([FUZZING], [test "$enable_fuzzing" != no])
AS_IF([test "$enable_coverage" != no], [
	bp_flavour="$bp_flavour, coverage"
	BP_FLAVOUR_CFLAGS="$BP_FLAVOUR_CFLAGS --coverage -O0"])
BP_FLAVOUR_LDFLAGS=$BP_FLAVOUR_CFLAGS
BP_LTO_CFLAGS=
BP_LTO_LDFLAGS=
BP_NO_LTO_LDFLAGS=
AC_ARG_ENABLE([lto],
	[AS_HELP_STRING([--disable-lto], [do not optimise across files])],
	[], [enable_lto=yes])
AS_IF([test "$enable_lto$bp_flavour$enable_coverage" = yesreleaseno],
	[AX_CHECK_LINK_FLAG([-flto=auto -ffat-lto-objects], [
		BP_LTO_CFLAGS="-flto=auto -ffat-lto-objects"
		# it does not know that errno is positive: what it sees inlined looks uninitialised
		BP_LTO_LDFLAGS="-flto=auto -Wno-maybe-uninitialized"
		BP_NO_LTO_LDFLAGS="-fno-lto"], [], [-Werror])])
AC_SUBST([BP_LTO_CFLAGS])
AC_SUBST([BP_LTO_LDFLAGS])
AC_SUBST([BP_NO_LTO_LDFLAGS])
AC_SUBST([BP_FLAVOUR_CFLAGS])
AC_SUBST([BP_FLAVOUR_LDFLAGS])
])
