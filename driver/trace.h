/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys: tracepoints. They tell what the printk()s of the driver in the
 * original question told, and the result besides.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM memphys

#if !defined(MEMPHYS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define MEMPHYS_TRACE_H

#include <linux/mm.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

/* Bytes kept of a method's name, the final NUL included. */
#define MEMPHYS_TRACE_NAME 24

/* What a handler may answer; a handler that is wrong, any of them. */
#define memphys_code(code) { (__force unsigned long)VM_FAULT_##code, #code }

TRACE_EVENT(mmap,
	    TP_PROTO(const char *method, unsigned long start,
		     unsigned long end, unsigned long pgoff, unsigned long pfn,
		     int result),
	    TP_ARGS(method, start, end, pgoff, pfn, result),
	    TP_STRUCT__entry(__array(char, method, MEMPHYS_TRACE_NAME)
			     __field(unsigned long, start)
			     __field(unsigned long, end)
			     __field(unsigned long, pgoff)
			     __field(unsigned long, pfn)
			     __field(int, result)),
	    TP_fast_assign(strscpy(__entry->method, method, MEMPHYS_TRACE_NAME);
			   __entry->start = start;
			   __entry->end = end;
			   __entry->pgoff = pgoff;
			   __entry->pfn = pfn;
			   __entry->result = result;),
	    TP_printk("method=%s start=0x%lx end=0x%lx pgoff=0x%lx pfn=0x%lx result=%d",
		      __entry->method, __entry->start, __entry->end,
		      __entry->pgoff, __entry->pfn, __entry->result)
);

TRACE_EVENT(fault,
	    TP_PROTO(const char *method, unsigned long start,
		     unsigned long end, unsigned long pgoff,
		     unsigned long address, unsigned long pfn,
		     vm_fault_t result),
	    TP_ARGS(method, start, end, pgoff, address, pfn, result),
	    TP_STRUCT__entry(__array(char, method, MEMPHYS_TRACE_NAME)
			     __field(unsigned long, start)
			     __field(unsigned long, end)
			     __field(unsigned long, pgoff)
			     __field(unsigned long, address)
			     __field(unsigned long, pfn)
			     __field(unsigned int, result)),
	    TP_fast_assign(strscpy(__entry->method, method, MEMPHYS_TRACE_NAME);
			   __entry->start = start;
			   __entry->end = end;
			   __entry->pgoff = pgoff;
			   __entry->address = address;
			   __entry->pfn = pfn;
			   __entry->result = (__force unsigned int)result;),
	    TP_printk("method=%s start=0x%lx end=0x%lx pgoff=0x%lx address=0x%lx pfn=0x%lx result=%s",
		      __entry->method, __entry->start, __entry->end,
		      __entry->pgoff, __entry->address, __entry->pfn,
		      __print_flags(__entry->result, "|",
				    memphys_code(OOM),
				    memphys_code(SIGBUS),
				    memphys_code(MAJOR),
				    memphys_code(HWPOISON),
				    memphys_code(HWPOISON_LARGE),
				    memphys_code(SIGSEGV),
				    memphys_code(NOPAGE),
				    memphys_code(LOCKED),
				    memphys_code(RETRY),
				    memphys_code(FALLBACK),
				    memphys_code(DONE_COW),
				    memphys_code(NEEDDSYNC),
				    memphys_code(COMPLETED)))
);

#endif /* MEMPHYS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
