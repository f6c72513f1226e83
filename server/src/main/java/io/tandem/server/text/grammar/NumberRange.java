package io.tandem.server.text.grammar;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * Writes decimal numbers between two bounds, digit by digit. A number that has begun like a bound is compared with it
 * further on; one that has left the bounds' beginnings inside is free. Exponents are not written.
 */
final class NumberRange {
    /** Digits before the point where nothing limits them, so that every reader of doubles reads the number exactly. */
    private static final int FREE_DIGITS = 15;

    private static final int MAX_DIGITS = 40;
    private static final int MAX_DIVISOR = 10_000;

    /**
     * @param low the smallest number, if there is one
     * @param lowOpen whether the smallest number itself is excluded
     * @param divisor of whole numbers; 1 if there is none
     * @param fraction most digits behind the point, or absent for as many as a reader of doubles can tell apart
     */
    record Bounds(
            @Nullable BigDecimal low,
            boolean lowOpen,
            @Nullable BigDecimal high,
            boolean highOpen,
            int divisor,
            OptionalInt fraction) {}

    /** Where a number stands: digits left before the point or read behind it, and which bounds it still touches. */
    private record State(boolean behindPoint, int digits, boolean onLow, boolean onHigh, int remainder) {}

    private final GrammarBuilder builder;
    private final String low;
    private final String high;
    private final boolean lowOpen;
    private final boolean highOpen;
    private final int divisor;
    private final int fraction;
    private final int to;
    private final Map<List<Object>, Integer> nodes = new HashMap<>();

    private NumberRange(
            GrammarBuilder builder,
            BigDecimal low,
            boolean lowOpen,
            BigDecimal high,
            boolean highOpen,
            int divisor,
            int fraction,
            int to) {
        this.builder = builder;
        this.fraction = fraction;
        this.low = digits(low, fraction);
        this.high = digits(high, fraction);
        this.lowOpen = lowOpen;
        this.highOpen = highOpen;
        this.divisor = divisor;
        this.to = to;
    }

    /** Integer part, a point, and the fraction with as many digits as may be written. */
    private static String digits(BigDecimal value, int fraction) {
        String plain =
                value.setScale(Math.max(1, fraction), RoundingMode.UNNECESSARY).toPlainString();
        return fraction == 0 ? plain.substring(0, plain.indexOf('.') + 1) : plain;
    }

    /** Writes a number within the bounds; returns the node behind it. */
    static int write(GrammarBuilder builder, int from, Bounds bounds) {
        if (bounds.divisor() > MAX_DIVISOR) {
            throw new GrammarException("", "has a multipleOf above " + MAX_DIVISOR + ", which is not supported");
        }
        check(bounds.low());
        check(bounds.high());
        int fraction = bounds.fraction().orElseGet(() -> fraction(bounds));
        Bounds exact = rounded(bounds, fraction);
        BigDecimal free = BigDecimal.TEN.pow(FREE_DIGITS);
        BigDecimal zero = BigDecimal.ZERO;
        BigDecimal low = exact.low() != null
                ? exact.low()
                : (exact.high() == null ? zero : exact.high().min(zero)).subtract(free);
        BigDecimal high = exact.high() != null ? exact.high() : low.max(zero).add(free);
        boolean lowOpen = exact.low() == null || exact.lowOpen();
        boolean highOpen = exact.high() == null || exact.highOpen();
        int to = builder.node();
        if (high.signum() >= 0) {
            boolean clipped = low.signum() < 0;
            new NumberRange(
                            builder,
                            clipped ? zero : low,
                            !clipped && lowOpen,
                            high,
                            highOpen,
                            exact.divisor(),
                            fraction,
                            to)
                    .start(from);
        }
        if (low.signum() < 0) {
            // "-0" is left out.
            int minus = builder.node();
            builder.bytes(from, '-', '-', minus);
            boolean clipped = high.signum() >= 0;
            new NumberRange(
                            builder,
                            clipped ? zero : high.negate(),
                            clipped || highOpen,
                            low.negate(),
                            lowOpen,
                            exact.divisor(),
                            fraction,
                            to)
                    .start(minus);
        }
        return to;
    }

    /** Of those inside, so that none between the bounds and the next number with so many digits counts. */
    private static Bounds rounded(Bounds bounds, int fraction) {
        BigDecimal low = bounds.low() == null ? null : bounds.low().setScale(fraction, RoundingMode.CEILING);
        BigDecimal high = bounds.high() == null ? null : bounds.high().setScale(fraction, RoundingMode.FLOOR);
        boolean lowOpen = bounds.lowOpen() && low != null && low.compareTo(bounds.low()) == 0;
        boolean highOpen = bounds.highOpen() && high != null && high.compareTo(bounds.high()) == 0;
        return new Bounds(low, lowOpen, high, highOpen, bounds.divisor(), bounds.fraction());
    }

    /** Digits behind the point with which no number is taken for a bound by a reader of doubles. */
    private static int fraction(Bounds bounds) {
        int whole = 1;
        int scale = 0;
        for (BigDecimal bound : Arrays.asList(bounds.low(), bounds.high())) {
            whole = bound == null ? whole : Math.max(whole, bound.precision() - bound.scale());
            scale = bound == null ? scale : Math.max(scale, bound.scale());
        }
        return Math.max(1, Math.max(scale, FREE_DIGITS - whole));
    }

    private static void check(@Nullable BigDecimal bound) {
        if (bound != null && (bound.precision() - bound.scale() > MAX_DIGITS || bound.scale() > MAX_DIGITS)) {
            throw new GrammarException("", "has a bound with more than " + MAX_DIGITS + " digits");
        }
    }

    private void start(int from) {
        int shortest = low.indexOf('.');
        int longest = high.indexOf('.');
        for (int length = shortest; length <= longest; length++) {
            State state = new State(false, length, length == shortest, length == longest, 0);
            digit(from, state, length > 1);
        }
    }

    /** Reads one digit before or behind the point. */
    private void digit(int from, State state, boolean notZero) {
        for (int digit = notZero ? 1 : 0; digit <= 9; digit++) {
            char lowest = digitOf(low, state);
            char highest = digitOf(high, state);
            char written = (char) ('0' + digit);
            if ((state.onLow() && written < lowest) || (state.onHigh() && written > highest)) {
                continue;
            }
            State next = new State(
                    state.behindPoint(),
                    state.digits() + (state.behindPoint() ? 1 : -1),
                    state.onLow() && written == lowest,
                    state.onHigh() && written == highest,
                    (10 * state.remainder() + digit) % divisor);
            builder.bytes(from, written, written, node(next));
        }
    }

    private static char digitOf(String bound, State state) {
        int point = bound.indexOf('.');
        int at = state.behindPoint() ? point + 1 + state.digits() : point - state.digits();
        // Free digits of longer or shorter numbers have no counterpart.
        return at < 0 || at >= bound.length() ? '0' : bound.charAt(at);
    }

    private int node(State state) {
        List<Object> key = List.of(state);
        Integer known = nodes.get(key);
        if (known != null) {
            return known;
        }
        int node = builder.node();
        nodes.put(key, node);
        if (!state.behindPoint() && state.digits() > 0) {
            digit(node, state, false);
            return node;
        }
        boolean any = state.behindPoint() ? state.digits() > 0 : true;
        if (any && mayEnd(state)) {
            builder.empty(node, to);
        }
        if (!state.behindPoint() && fraction > 0) {
            int behind = builder.node();
            builder.bytes(node, '.', '.', behind);
            digit(behind, new State(true, 0, state.onLow(), state.onHigh(), 0), false);
        } else if (state.behindPoint() && state.digits() < fraction) {
            digit(node, state, false);
        }
        return node;
    }

    private boolean mayEnd(State state) {
        boolean lowLeft = left(low, state);
        boolean highLeft = left(high, state);
        boolean aboveLow = !state.onLow() || (!lowLeft && !lowOpen);
        boolean belowHigh = !state.onHigh() || highLeft || !highOpen;
        return aboveLow && belowHigh && state.remainder() == 0;
    }

    /** Whether the rest of a bound behind what has been read is more than zero. */
    private static boolean left(String bound, State state) {
        int from = bound.indexOf('.') + 1 + (state.behindPoint() ? state.digits() : 0);
        return new BigInteger("0" + bound.substring(Math.min(from, bound.length()))).signum() != 0;
    }
}
