package io.tandem.server.text;

/**
 * How often a regular expression may go back on one attempt to match, estimated from above by its shape: the native
 * library ends the process when an attempt goes back ten million times. What was matched by a part that repeats is given
 * back only if something behind it can fail, so each such part may cost as many attempts as there are characters.
 *
 * @param choices ways through it, apart from repetition
 * @param degree parts that repeat and may have to give back, one after the other
 * @param variable whether it may match more than one text that begins at the same place
 */
record PatternCost(double choices, int degree, boolean variable) {
    /** What an attempt may cost; a third of what the library allows. */
    private static final double MAX = 3e6;

    private static final int[] PIECES = {1 << 14, 1 << 12, 1 << 10, 1 << 8};
    /** A part that matches in one way, however long the text is. */
    private static final PatternCost FIXED = new PatternCost(1, 0, false);

    /**
     * The longest text, in characters, that the expression may be tried on.
     *
     * @throws IllegalArgumentException if that would be too short to be of use, or the expression cannot be judged
     */
    static int maxChars(String regex) {
        PatternCost cost = new Parser(regex).whole();
        for (int chars : PIECES) {
            if (cost.choices * Math.pow(chars, cost.degree) <= MAX) {
                return chars;
            }
        }
        throw new IllegalArgumentException("may take for ever on a short text");
    }

    private PatternCost or(PatternCost other) {
        return new PatternCost(choices + other.choices, Math.max(degree, other.degree), true);
    }

    private PatternCost then(PatternCost other) {
        return new PatternCost(choices * other.choices, degree + other.degree, variable || other.variable);
    }

    private static final class Parser {
        private final String regex;
        private int at;

        Parser(String regex) {
            this.regex = regex;
        }

        PatternCost whole() {
            PatternCost cost = alternatives();
            if (at < regex.length()) {
                throw unknown();
            }
            return cost;
        }

        private PatternCost alternatives() {
            PatternCost cost = sequence();
            while (next('|')) {
                cost = cost.or(sequence());
            }
            return cost;
        }

        /** Read to its end before it is judged: whether a part has to give back depends on what comes behind it. */
        private PatternCost sequence() {
            if (at == regex.length() || "|)".indexOf(regex.charAt(at)) >= 0) {
                return FIXED;
            }
            int start = at;
            PatternCost part = part();
            Quantifier quantifier = quantifier();
            PatternCost repeated = quantifier.of(part, regex.substring(start, at));
            int behind = at;
            PatternCost rest = sequence();
            // Where nothing behind can fail, nothing is given back.
            return mayFail(behind, at)
                    ? repeated.then(rest)
                    : new PatternCost(part.choices, part.degree, repeated.variable || rest.variable);
        }

        /** Whether the parts of this stretch, which was read before, can fail to match. */
        private boolean mayFail(int from, int to) {
            int end = at;
            at = from;
            boolean mayFail = false;
            while (at < to && !mayFail) {
                part();
                mayFail = quantifier().least() > 0;
            }
            at = end;
            return mayFail;
        }

        private PatternCost part() {
            char c = regex.charAt(at);
            if (c == '(') {
                return group();
            }
            if (c == '[') {
                characterClass();
            } else if (c == '\\') {
                escape();
            } else if ("*+?{".indexOf(c) >= 0) {
                throw unknown();
            } else {
                at += Character.charCount(regex.codePointAt(at));
            }
            return FIXED;
        }

        private PatternCost group() {
            at++;
            if (next('?')) {
                int flags = at;
                while (at < regex.length() && "ims-".indexOf(regex.charAt(at)) >= 0) {
                    at++;
                }
                if (at > flags && next(')')) {
                    return FIXED;
                }
                boolean named =
                        at == flags && (take(":") || take("=") || take("!") || take(">") || take("<=") || take("<!"));
                if (!named && !(at > flags && next(':'))) {
                    throw unknown();
                }
            }
            PatternCost inside = alternatives();
            if (!next(')')) {
                throw unknown();
            }
            return inside;
        }

        private void characterClass() {
            int depth = 0;
            do {
                if (at == regex.length()) {
                    throw unknown();
                }
                char c = regex.charAt(at++);
                depth += c == '[' ? 1 : c == ']' ? -1 : 0;
                at += c == '\\' ? 1 : 0;
            } while (depth > 0);
        }

        private void escape() {
            at++;
            if (at == regex.length() || "123456789kgKRX".indexOf(regex.charAt(at)) >= 0) {
                throw unknown();
            }
            boolean braces =
                    "pPxo".indexOf(regex.charAt(at)) >= 0 && at + 1 < regex.length() && regex.charAt(at + 1) == '{';
            at = braces ? regex.indexOf('}', at) + 1 : at + 1;
            if (at == 0) {
                throw unknown();
            }
        }

        private Quantifier quantifier() {
            Quantifier quantifier = Quantifier.ONCE;
            if (next('*')) {
                quantifier = new Quantifier(0, Integer.MAX_VALUE);
            } else if (next('+')) {
                quantifier = new Quantifier(1, Integer.MAX_VALUE);
            } else if (next('?')) {
                quantifier = new Quantifier(0, 1);
            } else if (at < regex.length() && regex.charAt(at) == '{') {
                quantifier = braces();
            }
            // A second one repeats what is repeated, except for those that only say which way is tried first.
            if (!quantifier.equals(Quantifier.ONCE) && !next('?') && next('+') && regex.charAt(at - 2) == '}') {
                throw unknown();
            }
            return quantifier;
        }

        private Quantifier braces() {
            int end = regex.indexOf('}', at);
            String[] bounds =
                    end < 0 ? new String[0] : regex.substring(at + 1, end).split(",", -1);
            if (bounds.length == 0 || bounds.length > 2) {
                throw unknown();
            }
            for (String bound : bounds) {
                if (!bound.matches("[0-9]{0,4}")) {
                    throw unknown();
                }
            }
            at = end + 1;
            int least = bounds[0].isEmpty() ? 0 : Integer.parseInt(bounds[0]);
            int most =
                    bounds.length == 1 ? least : bounds[1].isEmpty() ? Integer.MAX_VALUE : Integer.parseInt(bounds[1]);
            return new Quantifier(least, most);
        }

        private boolean next(char c) {
            boolean there = at < regex.length() && regex.charAt(at) == c;
            at += there ? 1 : 0;
            return there;
        }

        private boolean take(String text) {
            boolean there = regex.startsWith(text, at);
            at += there ? text.length() : 0;
            return there;
        }

        private IllegalArgumentException unknown() {
            return new IllegalArgumentException("has something at character " + (at + 1) + " that cannot be judged");
        }
    }

    private record Quantifier(int least, int most) {
        static final Quantifier ONCE = new Quantifier(1, 1);

        PatternCost of(PatternCost part, String text) {
            if (equals(ONCE)) {
                return part;
            }
            if (most == 1) {
                return new PatternCost(1 + part.choices, part.degree, true);
            }
            if (part.variable) {
                throw new IllegalArgumentException(
                        "repeats " + JsonFile.excerpt(text) + ", which matches in several ways");
            }
            boolean variable = least < most;
            return most == Integer.MAX_VALUE
                    ? new PatternCost(1, 1, variable)
                    : new PatternCost(most - least + 1.0, 0, variable);
        }
    }
}
