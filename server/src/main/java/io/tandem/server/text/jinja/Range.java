package io.tandem.server.text.jinja;

import java.util.AbstractList;

/** Python's {@code range}: its numbers are not stored. */
final class Range extends AbstractList<Object> {
    private final long start;
    private final long step;
    private final int size;

    Range(long start, long stop, long step) {
        if (step == 0) {
            throw new TemplateException("range() arg 3 must not be zero");
        }
        this.start = start;
        this.step = step;
        double count = Math.ceil(((double) stop - start) / step);
        if (count > Budget.MAX_RANGE) {
            throw new TemplateException.LimitExceeded("asks for a range of more than " + Budget.MAX_RANGE + " numbers");
        }
        this.size = (int) Math.max(0, count);
    }

    static Range of(Arguments arguments) {
        arguments.expect(3, java.util.Set.of());
        long first = arguments.integer(0, "start", 0);
        return arguments.count() == 1
                ? new Range(0, first, 1)
                : new Range(first, arguments.integer(1, "stop", 0), arguments.integer(2, "step", 1));
    }

    @Override
    public Object get(int index) {
        return start + index * step;
    }

    @Override
    public int size() {
        return size;
    }

    @Override
    public String toString() {
        return "range(" + start + ", " + (start + size * step) + (step == 1 ? "" : ", " + step) + ")";
    }
}
