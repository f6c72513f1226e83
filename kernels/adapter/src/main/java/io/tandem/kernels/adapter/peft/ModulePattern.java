package io.tandem.kernels.adapter.peft;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression from an adapter's configuration. It comes from a stranger, and an expression can be made to
 * search for years; so all matching of one adapter draws from a budget of looked-at characters, and what could spin
 * without looking at any (nested counted repetitions) is refused.
 */
final class ModulePattern {
    private static final int MAX_LENGTH = 4096;
    private static final int MAX_GROUPS = 100;
    private static final int MAX_REPETITIONS = 10_000;
    private static final Pattern COUNTS = Pattern.compile("\\{(\\d*)(?:,(\\d*))?}");

    /** What all patterns of one adapter may look at together. */
    static final class Budget {
        private long characters = 20_000_000;

        private void spend() {
            if (--characters < 0) {
                throw new IllegalArgumentException("takes too long to match");
            }
        }
    }

    private final Pattern pattern;
    private final Budget budget;

    private ModulePattern(Pattern pattern, Budget budget) {
        this.pattern = pattern;
        this.budget = budget;
    }

    /**
     * Compiles an expression of Python's syntax as far as Java shares it.
     *
     * @throws IllegalArgumentException whose message continues "the expression …"
     */
    static ModulePattern compile(String expression, Budget budget) {
        if (expression.length() > MAX_LENGTH) {
            throw new IllegalArgumentException("is longer than " + MAX_LENGTH + " characters");
        }
        refuseManyGroups(expression);
        refuseManyRepetitions(expression);
        try {
            return new ModulePattern(Pattern.compile(expression), budget);
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException("is not a valid regular expression: " + e.getDescription(), e);
        }
    }

    /** Whether the expression describes the whole name. */
    boolean matches(String name) {
        return matcher(name).matches();
    }

    /** Whether the expression describes the name from its beginning on, however the name continues. */
    boolean matchesBeginning(String name) {
        return matcher(name).lookingAt();
    }

    private Matcher matcher(String name) {
        return pattern.matcher(new Metered(name));
    }

    private static void refuseManyGroups(String expression) {
        // The compiler and the matcher recurse into groups. Telling which are nested would take a parser; a bound on
        // all of them does not need one.
        long groups = expression.chars().filter(c -> c == '(' || c == '[').count();
        if (groups > MAX_GROUPS) {
            throw new IllegalArgumentException("has more than " + MAX_GROUPS + " groups");
        }
    }

    private static void refuseManyRepetitions(String expression) {
        double product = 1;
        Matcher counts = COUNTS.matcher(expression);
        while (counts.find()) {
            String last = counts.group(2) == null || counts.group(2).isEmpty() ? counts.group(1) : counts.group(2);
            product *= last.isEmpty() ? 1 : Math.max(1, Double.parseDouble(last));
        }
        if (product > MAX_REPETITIONS) {
            throw new IllegalArgumentException("has counted repetitions beyond " + MAX_REPETITIONS);
        }
    }

    /** Charges the budget for every character that the matcher looks at. */
    private final class Metered implements CharSequence {
        private final String text;

        Metered(String text) {
            this.text = text;
        }

        @Override
        public char charAt(int index) {
            budget.spend();
            return text.charAt(index);
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return text.substring(start, end);
        }

        @Override
        public String toString() {
            return text;
        }
    }
}
