package io.tandem.server.text.jinja;

import io.tandem.server.text.jinja.TemplateException.LimitExceeded;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;

/**
 * What one rendering may still take: steps, processor time, and characters and list entries made. Every operation is
 * small by itself, or charged before it begins. Belongs to the thread that renders.
 */
final class Budget {
    /** Largest text or list that a template may make. */
    static final int MAX_SIZE = 16 << 20;

    /** As in jinja2's sandbox. */
    static final int MAX_RANGE = 100_000;

    /** Largest width or precision that a template may ask for. */
    static final int MAX_WIDTH = 1 << 16;

    private static final long MAX_MADE = 8L * MAX_SIZE;
    private static final long MAX_STEPS = 1 << 21;
    private static final long MAX_CPU_NANOS = 2_000_000_000L;
    private static final int MAX_DEPTH = 100;
    private static final int STEPS_PER_CLOCK = 256;
    private static final ThreadMXBean THREAD = ManagementFactory.getThreadMXBean();

    private final long nanosAtStart = THREAD.getCurrentThreadCpuTime();
    private long steps;
    private long made;
    private int depth;

    /** Counts one operation. */
    void step() {
        steps++;
        if (steps > MAX_STEPS) {
            throw new LimitExceeded("takes more than " + MAX_STEPS + " steps");
        }
        if (steps % STEPS_PER_CLOCK != 0) {
            return;
        }
        if (THREAD.getCurrentThreadCpuTime() - nanosAtStart > MAX_CPU_NANOS) {
            throw new LimitExceeded("takes more than " + MAX_CPU_NANOS / 1_000_000_000 + " seconds of processor time");
        }
        if (Thread.currentThread().isInterrupted()) {
            throw new LimitExceeded("was interrupted");
        }
    }

    /** Counts what is about to be made: characters of a text or entries of a list. */
    void make(long size) {
        made += size;
        if (size > MAX_SIZE || made > MAX_MADE) {
            throw new LimitExceeded("makes texts and lists of more than " + MAX_SIZE + " characters and entries");
        }
    }

    /** Enters a macro. */
    void enter() {
        depth++;
        if (depth > MAX_DEPTH) {
            throw new LimitExceeded("calls macros within macros more than " + MAX_DEPTH + " deep");
        }
    }

    void leave() {
        depth--;
    }

    /** Checks a width, count or precision. */
    static int width(long number) {
        if (number > MAX_WIDTH) {
            throw new LimitExceeded("asks for a width of " + number + ", at most " + MAX_WIDTH + " is allowed");
        }
        return (int) Math.max(number, 0);
    }
}
