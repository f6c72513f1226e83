package io.tandem.server.text.grammar;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Texts that a grammar allows, by chance. */
final class RandomTexts {
    private static final int WANDERING = 120;
    private static final int MOST = 20_000;
    /** What closes things, before what goes on. */
    private static final byte[] CLOSING = "\"}]0:,etruilasfn ".getBytes(StandardCharsets.UTF_8);

    private RandomTexts() {}

    static String of(Grammar grammar, Random random) {
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        GrammarState state = grammar.start();
        int wandering = random.nextInt(WANDERING);
        while (!state.isLast()) {
            boolean closing = text.size() >= wandering;
            if (state.accepts() && (closing || random.nextInt(4) == 0)) {
                break;
            }
            byte next = closing && random.nextInt(3) > 0 ? closing(state, random) : any(state, random);
            text.write(next);
            state = state.next(next);
            if (text.size() > MOST) {
                throw new AssertionError("no end after " + text.toString(StandardCharsets.UTF_8));
            }
        }
        return text.toString(StandardCharsets.UTF_8);
    }

    private static byte closing(GrammarState state, Random random) {
        for (byte value : CLOSING) {
            if (!state.next(value).isDead()) {
                return value;
            }
        }
        return any(state, random);
    }

    /** Every state that is reached has a way on. */
    private static byte any(GrammarState state, Random random) {
        List<Byte> possible = new ArrayList<>();
        List<Byte> structure = new ArrayList<>();
        List<Byte> ascii = new ArrayList<>();
        for (int value = 0; value < 256; value++) {
            if (!state.next((byte) value).isDead()) {
                possible.add((byte) value);
                if (value >= ' ' && value < 127) {
                    ascii.add((byte) value);
                }
                if ("\"{}[],:\\".indexOf(value) >= 0) {
                    structure.add((byte) value);
                }
            }
        }
        if (possible.isEmpty()) {
            throw new AssertionError("a state with no way on");
        }
        List<Byte> from = List.of(possible, structure, ascii).get(random.nextInt(3));
        return from.isEmpty() ? possible.get(random.nextInt(possible.size())) : from.get(random.nextInt(from.size()));
    }
}
