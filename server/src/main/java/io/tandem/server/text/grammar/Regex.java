package io.tandem.server.text.grammar;

import java.util.List;

/** A regular expression, parsed. */
sealed interface Regex {
    int UNBOUNDED = -1;

    /** One character of a set. */
    record Chars(CharSet set) implements Regex {}

    record InTurn(List<Regex> parts) implements Regex {}

    record OneOf(List<Regex> alternatives) implements Regex {}

    /** @param most {@link #UNBOUNDED} if there is no limit */
    record Repeat(Regex part, int least, int most) implements Regex {}

    /** {@code ^}: nothing has been read. */
    record Begin() implements Regex {}

    /** {@code $}: nothing more is read. */
    record End() implements Regex {}
}
