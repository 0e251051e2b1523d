# SPDX-License-Identifier: LGPL-2.1-or-later
# busconfig XML -> configuration and rules
noinst_LIBRARIES += libpolicy.a
libpolicy_a_CFLAGS = $(library_cflags)
libpolicy_a_CPPFLAGS = $(AM_CPPFLAGS) $(EXPAT_CFLAGS)
libpolicy_a_SOURCES = \
	%D%/config.c %D%/config.h \
	%D%/config-environment.c \
	%D%/config-files.c \
	%D%/config-image.c %D%/config-image.h \
	%D%/config-include.c \
	%D%/config-load.c %D%/config-load.h \
	%D%/config-private.h \
	%D%/config-servicedirs.c \
	%D%/config-xml.c %D%/config-xml.h \
	%D%/messages.c %D%/messages.h \
	%D%/names.c %D%/names.h \
	%D%/number.c %D%/number.h \
	%D%/path.c %D%/path.h \
	%D%/rule.h \
	%D%/rule-parse.c %D%/rule-parse.h \
	%D%/strings.c %D%/strings.h

# rules -> verdicts
libpolicy_a_SOURCES += \
	%D%/policy.c %D%/policy.h \
	%D%/policy-classes.c %D%/policy-classes.h \
	%D%/policy-compile.c %D%/policy-compile.h \
	%D%/policy-diff.c %D%/policy-diff.h \
	%D%/policy-eval.c \
	%D%/policy-explain.c %D%/policy-explain.h \
	%D%/policy-grants.c %D%/policy-grants.h \
	%D%/policy-identity.c \
	%D%/policy-index.c \
	%D%/policy-lint.c %D%/policy-lint.h \
	%D%/policy-plan.c \
	%D%/policy-private.h \
	%D%/policy-query.c %D%/policy-query.h \
	%D%/policy-symbols.c %D%/policy-symbols.h \
	%D%/policy-users.c %D%/policy-users.h \
	%D%/policy-users-load.c

bin_PROGRAMS += bus-policy-check
dist_man_MANS += %D%/bus-policy-check.1
bus_policy_check_SOURCES = \
	%D%/bus-policy-check.c \
	%D%/check.h \
	%D%/check-compile.c \
	%D%/check-report.c \
	%D%/json.c %D%/json.h
bus_policy_check_LDADD = libpolicy.a libbase.a $(EXPAT_LIBS)
