package io.tandem.server.text.grammar;

import org.jspecify.annotations.Nullable;

/** One way in which a text may have been read: a node, and the rules that are open. */
record Config(int node, @Nullable Frame frame) {

    /** An open rule: where its caller goes on, and what is open around that. */
    static final class Frame {
        final int behind;
        final @Nullable Frame outer;
        final int depth;
        private final int hash;

        Frame(int behind, @Nullable Frame outer) {
            this.behind = behind;
            this.outer = outer;
            this.depth = outer == null ? 1 : outer.depth + 1;
            this.hash = 31 * (outer == null ? 7 : outer.hash) + behind;
        }

        @Override
        public int hashCode() {
            return hash;
        }

        @Override
        public boolean equals(@Nullable Object object) {
            Frame mine = this;
            Object other = object;
            while (mine != other) {
                if (mine == null
                        || !(other instanceof Frame frame)
                        || mine.hash != frame.hash
                        || mine.behind != frame.behind) {
                    return false;
                }
                mine = mine.outer;
                other = frame.outer;
            }
            return true;
        }
    }

    static int depth(@Nullable Frame frame) {
        return frame == null ? 0 : frame.depth;
    }
}
