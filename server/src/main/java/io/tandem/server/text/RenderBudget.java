package io.tandem.server.text;

import com.hubspot.jinjava.objects.Namespace;
import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What one rendering may still take: steps, processor time, memory. Every operation of a template is small by itself
 * (texts and lists have a largest size), so it is enough to look at the clock between them. Belongs to the thread that
 * renders.
 */
final class RenderBudget {
    /** Largest text that a template may make, in characters; a list or a map counts with all that is in it. */
    static final int MAX_CHARS = 16 << 20;
    /** Largest width, count or precision that a template may ask for. */
    static final int MAX_NUMBER = 1 << 16;

    private static final int MAX_STEPS = 1 << 19;
    private static final long MAX_CPU_NANOS = 2_000_000_000L;
    /** The engine copies a lot, so nearly all of this is garbage at once. */
    private static final long MAX_ALLOCATED_BYTES = 2L << 30;

    private static final long CHARS_OF_ONE_NODE = 16L * MAX_CHARS;
    private static final int MAX_DEPTH = 64;
    private static final int STEPS_PER_CLOCK = 8;
    private static final ThreadMXBean THREAD = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private final long allocatedAtStart = THREAD.getCurrentThreadAllocatedBytes();
    private final long nanosAtStart = THREAD.getCurrentThreadCpuTime();
    private final long maxAllocated =
            Math.min(MAX_ALLOCATED_BYTES, Runtime.getRuntime().maxMemory() / 2);
    /** Sizes of lists and dicts that cannot change any more, so that a loop does not count its list in each turn. */
    private final IdentityHashMap<Object, Long> sizes = new IdentityHashMap<>();

    private long steps;
    private boolean changeable;
    private long charsOfNode;
    private @Nullable Exceeded exceeded;

    /**
     * A limit is exceeded. An error and not an exception, because the template engine turns exceptions into warnings
     * and goes on.
     */
    static final class Exceeded extends Error {
        Exceeded(String limit) {
            super(limit, null, false, false);
        }
    }

    /** Counts one operation; throws from then on for ever once a limit is exceeded. */
    void step() {
        if (exceeded != null) {
            throw exceeded;
        }
        steps++;
        if (steps > MAX_STEPS) {
            throw exceed("takes more than " + MAX_STEPS + " steps");
        }
        if (steps % STEPS_PER_CLOCK != 0) {
            return;
        }
        if (THREAD.getCurrentThreadAllocatedBytes() - allocatedAtStart > maxAllocated) {
            throw exceed("takes more than " + maxAllocated + " bytes of memory");
        }
        if (THREAD.getCurrentThreadCpuTime() - nanosAtStart > MAX_CPU_NANOS) {
            throw exceed("takes more than " + MAX_CPU_NANOS / 1_000_000_000 + " seconds of processor time");
        }
    }

    /** A tag or an expression begins. */
    void node() {
        charsOfNode = 0;
        step();
    }

    /** A name was read. Whatever grows without end is stored in a name and read again. */
    void read(@Nullable Object value) {
        step();
        charsOfNode += size(value);
        if (charsOfNode > CHARS_OF_ONE_NODE) {
            throw exceed("makes a text of more than " + MAX_CHARS + " characters");
        }
    }

    /** Refuses a number that decides how much is made. */
    void requireSmall(@Nullable Object argument) {
        if (argument instanceof Number number && Math.abs(number.doubleValue()) > MAX_NUMBER) {
            throw exceed("asks for more than " + MAX_NUMBER + " of something");
        }
    }

    /** A text of this many characters is about to be made. */
    void requireRoom(long chars) {
        if (chars > MAX_CHARS) {
            throw exceed("makes a text of more than " + MAX_CHARS + " characters");
        }
    }

    Exceeded exceed(String limit) {
        exceeded = new Exceeded(limit);
        return exceeded;
    }

    private long size(@Nullable Object value) {
        Long known = value == null ? null : sizes.get(value);
        if (known != null) {
            return known;
        }
        changeable = false;
        long size = size(value, 0, 0);
        requireRoom(size);
        if (!changeable && (value instanceof Collection || value instanceof Map)) {
            sizes.put(value, size);
        }
        return size;
    }

    /** Characters and items of a value and all that it holds, counted to little more than the largest allowed. */
    private long size(@Nullable Object value, long before, int depth) {
        if (depth > MAX_DEPTH) {
            throw exceed("nests lists more than " + MAX_DEPTH + " deep");
        }
        long size = before + 1;
        changeable |= value instanceof Namespace;
        if (value instanceof CharSequence text) {
            return size + text.length();
        }
        Iterable<?> items = value instanceof Collection<?> list
                ? list
                : value instanceof Map<?, ?> map
                        ? map.values()
                        : value instanceof Object[] array ? Arrays.asList(array) : List.of();
        for (Object item : items) {
            if (size > MAX_CHARS) {
                break;
            }
            size = size(item instanceof Map.Entry<?, ?> entry ? entry.getValue() : item, size, depth + 1);
        }
        return size;
    }
}
