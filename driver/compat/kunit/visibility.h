/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys: <kunit/visibility.h> for kernels without one, which are those before
 * 6.2 and the first of 6.1. The kernel's own is found first.
 */
#ifndef MEMPHYS_COMPAT_KUNIT_VISIBILITY_H
#define MEMPHYS_COMPAT_KUNIT_VISIBILITY_H

#include <linux/export.h>

#if IS_ENABLED(CONFIG_KUNIT)
#define VISIBLE_IF_KUNIT
#define EXPORT_SYMBOL_IF_KUNIT(name) \
	EXPORT_SYMBOL_NS(name, EXPORTED_FOR_KUNIT_TESTING)
#else
#define VISIBLE_IF_KUNIT static
#define EXPORT_SYMBOL_IF_KUNIT(name)
#endif

#endif /* MEMPHYS_COMPAT_KUNIT_VISIBILITY_H */
